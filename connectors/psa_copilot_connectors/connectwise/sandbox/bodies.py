"""The bodies of writes: what they may hold, what they are refused for, and what is kept of who wrote when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from psa_copilot.sandbox import Row, whole_second
from psa_copilot_connectors.connectwise.sandbox.shapes import Shape


class Refused(ValueError):
    """A write that ConnectWise answers with 400 and a list of what is wrong."""

    def __init__(self, resource: str, field: str, message: str, code: str = "InvalidObject") -> None:
        super().__init__(message)
        self.message = f"{resource} object is invalid"
        self.errors = [{"code": code, "message": message, "resource": resource, "field": field}]


def check_names(body: Mapping[str, object], names: Shape, resource: str) -> None:
    """Refused when a body has a field that this kind of record does not."""
    for name in body:
        if name != "_info" and not names.writable(name):
            raise Refused(resource, name, f"{name} is not a recognized name.", "InvalidField")


def check_given(body: Mapping[str, object], resource: str, *fields: str) -> None:
    """Refused when a body lacks a field that must be there."""
    for field in fields:
        if body.get(field) in (None, "", {}):
            raise Refused(resource, field, f"The {field} field is required.", "MissingRequiredField")


def moment_text(given: object, field: str, resource: str) -> str:
    """A body's date as it is kept; Refused when it is none."""
    try:
        return whole_second(datetime.fromisoformat(str(given)))
    except ValueError:
        raise Refused(resource, field, f"{given} is not a valid date.", "InvalidValue") from None


def entered(by: str, at: datetime) -> Row:
    """The `_info` of a new record."""
    stamp = whole_second(at)
    return {"lastUpdated": stamp, "updatedBy": by, "dateEntered": stamp, "enteredBy": by}


def updated(row: Row, by: str, at: datetime) -> Row:
    """A record with its `_info` moved on; never back, even where a file tells its story out of order."""
    stamp = max(whole_second(at), str(row["_info"]["lastUpdated"]))
    return row | {"_info": row["_info"] | {"lastUpdated": stamp, "updatedBy": by}}
