"""Where it happens: the devices, systems and versions that a thread names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from psa_copilot.text.reading import Sentence

MOST = 5
_DEVICE = r"\b(?=[A-Z0-9-]*\d)[A-Z][A-Z0-9]{1,14}(?:-[A-Z0-9]{1,14}){1,3}\b"
_SYSTEM = (
    r"\b(?:Windows(?: Server)?(?: (?:XP|Vista|\d+(?:\.\d+)?(?:H\d)?))(?: (?:R2|Home|Pro|Enterprise))?|"
    r"(?:macOS|iOS|iPadOS|Android|Ubuntu|Debian|ESXi)(?: \d+(?:\.\d+)*)|"
    r"(?:Office|Microsoft) (?:365|20\d\d)|Outlook(?: \d+)?|OneDrive|SharePoint|Teams|Exchange(?: Online| \d{4})?|"
    r"SQL Server(?: \d{4})?|Citrix|VMware|Hyper-V|Chrome|Firefox|Edge|Acrobat|QuickBooks|AutoCAD(?: \d{4})?)(?![\w-])"
)
_VERSION = r"\b(?:[A-Z][A-Za-z]+ )?(?:version|firmware|client|build|release|driver) v?\d+(?:\.\d+)*\b"
_FACT = re.compile(f"{_DEVICE}|{_SYSTEM}|{_VERSION}")


def environment(sentences: Iterable[Sentence]) -> str:
    """Devices, systems and versions, each with the message that names it first; empty where none is named."""
    found: dict[str, str] = {}
    for sentence in sentences:
        for match in _FACT.finditer(sentence.text):
            found.setdefault(match[0].casefold(), f"{match[0]} [#{sentence.number}]")
    return f"{', '.join(list(found.values())[:MOST])}." if found else ""
