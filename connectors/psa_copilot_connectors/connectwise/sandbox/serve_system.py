"""The endpoints of the system itself: who works here, what was done, who is told, which files there are."""

from __future__ import annotations

from psa_copilot.sandbox import Answer, Row, Table
from psa_copilot_connectors.connectwise.sandbox import shapes
from psa_copilot_connectors.connectwise.sandbox.attachments import Attachments
from psa_copilot_connectors.connectwise.sandbox.callbacks import Callbacks
from psa_copilot_connectors.connectwise.sandbox.desk import Desk, name_of
from psa_copilot_connectors.connectwise.sandbox.http import Asked, Failed, answer
from psa_copilot_connectors.connectwise.sandbox.routes import Kind, Routes
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets


class SystemServed:
    """Members, audit trail, callbacks, documents, info."""

    def __init__(
        self, routes: Routes, desk: Desk, tickets: Tickets, callbacks: Callbacks, attachments: Attachments
    ) -> None:
        self._routes = routes
        self._desk = desk
        self._tickets = tickets
        self._callbacks = callbacks
        self._attachments = attachments
        self._route_members()
        routes.lists("system/audittrail", shapes.AUDIT, self._audit_trail, right="audit_right")
        routes.by_path["system/info"] = {"GET": self._info}
        self._route_callbacks()
        self._route_documents()

    def _route_members(self) -> None:
        routes = self._routes
        routes.kind(Kind("system/members", self._desk.members, shapes.MEMBER, "Member", "members_right"))
        routes.by_path["system/members/*"] = {"GET": self._member_by_identifier}
        short = Kind("system/info/members", self._desk.members, shapes.MEMBER_INFO, "Member", view=_as_info)
        routes.kind(short)
        routes.by_path["system/mymembers/info"] = {"GET": self._myself}

    def _member_by_identifier(self, asked: Asked) -> Answer:
        self._routes.demand("members_right", asked, "inquire members")
        for row in self._desk.members:
            if row["identifier"].casefold() == asked.name.casefold():
                return answer(200, row)
        raise Failed(404, "NotFound", f"Member {asked.name} not found")

    def _myself(self, asked: Asked) -> Answer:
        return answer(200, _as_info(self._desk.member(asked.by)))

    def _info(self, _: Asked) -> Answer:
        codebase, premises = self._routes.switches.text("codebase"), self._routes.switches.on("on_premises")
        return answer(
            200,
            {
                "version": f"{codebase.strip('/').replace('_', '.')}.10001",
                "isCloud": not premises,
                "serverTimeZone": "UTC",
                "licenseBits": [{"name": "ServiceDesk", "activeFlag": True}],
                "cloudRegion": "NA",
                "maxWorkFlowRecordsAllowed": 500,
            },
        )

    def _audit_trail(self, asked: Asked) -> list[Row]:
        question = asked.question()
        if question.text("type").casefold() != "ticket":
            raise Failed(400, "InvalidObject", "The audit trail needs a type and an id.")
        if question.forward_only:
            raise Failed(400, "InvalidObject", "The audit trail has no forward-only pages.")
        return self._tickets.audit.get(question.number("id", 0), [])

    def _route_callbacks(self) -> None:
        kind = Kind("system/callbacks", self._callbacks.rows, shapes.CALLBACK, "Callback", "callbacks_right")
        self._routes.kind(kind, POST=self._register)
        self._routes.edits(kind, self._callbacks.edit, self._callbacks.delete)

    def _register(self, asked: Asked) -> Answer:
        self._routes.demand("callbacks_right", asked, "add callbacks")
        member = self._desk.member(asked.by)
        return answer(201, self._callbacks.register(asked.body(), member["id"], asked.by))

    def _route_documents(self) -> None:
        documents = self._attachments.documents
        kind = Kind("system/documents", documents, shapes.DOCUMENT, "Document", "documents_right")
        self._routes.kind(kind, self._documents, POST=self._upload)
        self._routes.by_path["system/documents/#/download"] = {"GET": lambda asked: self._download(asked, kind)}

    def _documents(self, asked: Asked) -> Table | list[Row]:
        question = asked.question()
        if not question.text("recordType"):
            return self._attachments.documents
        number = question.number("recordId", 0)
        return self._attachments.documents_of(number) if question.text("recordType").casefold() == "ticket" else []

    def _upload(self, asked: Asked) -> Answer:
        if "multipart/form-data" not in asked.request.headers.get("content-type", ""):
            raise Failed(415, "UnsupportedMediaType", "Documents are sent as multipart/form-data.")
        raise Failed(403, "Forbidden", "This sandbox takes no files.")

    def _download(self, asked: Asked, kind: Kind) -> Answer:
        self._routes.demand("documents_right", asked, "download documents")
        number = self._routes.row(asked, kind)["id"]
        return Answer(200, self._attachments.contents[number], content_type="application/octet-stream")


def _as_info(member: Row) -> Row:
    names = ("id", "identifier", "firstName", "lastName", "licenseClass", "inactiveFlag", "_info")
    return {name: member[name] for name in names} | {
        "fullName": name_of(member),
        "defaultEmail": member["primaryEmail"],
    }
