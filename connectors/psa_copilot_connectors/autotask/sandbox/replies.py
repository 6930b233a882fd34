"""How Autotask answers: its error bodies, and the dates that it writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from psa_copilot.sandbox import Answer

HTML_404 = b"<html><head><title>404 - File or directory not found.</title></head><body><h2>404</h2></body></html>"
HTML_502 = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Refused(Exception):
    """The vendor's way to say no: a 500 with the reason in `errors`."""


class Failed(Exception):
    """Anything else that ends a request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def told(content: object, status: int = 200) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(content, ensure_ascii=False).encode())


def errors(*messages: str, status: int = 500) -> Answer:
    """The body of every refusal."""
    return told({"errors": list(messages)}, status)


def no_route() -> Failed:
    """An address that leads nowhere."""
    return Failed(Answer(404, HTML_404, content_type="text/html"))


def no_method(method: str) -> Failed:
    """An address that does not know this verb."""
    message = f"The requested resource does not support http method '{method}'."
    return Failed(told({"Message": message}, 405))


def iso(moment: datetime) -> str:
    """A date as records keep it: UTC with milliseconds, and no zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def sent_date(value: Any) -> str | None:
    """A date as a client writes it, in the records' form; None for what is no date."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
