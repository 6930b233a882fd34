"""Personal matters: health, dismissal, pay, law. A note only points at the message that is about one.

Professions are no cue: law firms and clinics are clients like others.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

Matter = Literal["health", "dismissal", "pay", "law", ""]

_CUES: dict[Matter, str] = {
    "health": (
        r"sick leave|medical leave|maternity leave|parental leave|bereavement leave|called in sick|medical condition|"
        r"diagnosed with|diagnosis of|surgery|hospitali[sz]ed|chemotherapy|cancer|miscarriage|pregnan(?:t|cy)|"
        r"burn-?out|"
        r"depression|mental health|disability|suicid\w*|overdose|krankschreibung|krankgeschrieben|krebs(?:diagnose)?|"
        r"schwanger\w*|operiert|arrêt maladie|enceinte|hospitalisée?|baja médica|embarazada|ziekteverlof|zwanger\w*"
    ),
    "dismissal": (
        r"(?:hr|human resources) (?:matter|case|issue|investigation|department|team)|personnel (?:file|matter)|"
        r"dismiss(?:ed|al)|terminat(?:e|ed|ing|ion)\b.{0,40}\b(?:employment|employee|contract of|effective|staff|him|"
        r"her)|"
        r"laid off|lay-?offs?|made redundant|redundancy|got fired|(?:being|was|were|been) fired|let go of|"
        r"notice period|"
        r"disciplinary|leaving us involuntarily|kündigung|entlassen|abmahnung|licenciement|licenciée?|despido|"
        r"despedid[oa]|"
        r"ontslag\w*|ontslagen"
    ),
    "pay": (
        r"severance|salary|salaries|payslips?|pay slips?|pay rise|pay cut|wages|bonus payment|garnish(?:ment|ed)|"
        r"gehalt\w*|lohnabrechnung|salaire|fiche de paie|nómina|salaris\w*|loonstrook"
    ),
    "law": (
        r"lawsuit|subpoena|attorney|court order|litigation|legal hold|sued|criminal (?:charge|complaint)|"
        r"police report|harass(?:ment|ed|ing)?|discriminat(?:ed|ion)|klageschrift|strafanzeige|"
        r"plainte pénale|demanda judicial|rechtszaak"
    ),
}


@cache
def _cues() -> dict[Matter, re.Pattern[str]]:
    return {matter: re.compile(rf"\b(?:{words})\b") for matter, words in _CUES.items()}


def matter(text: str) -> Matter:
    """Which personal matter a text is about; empty when it is about none."""
    lower = text.lower()
    return next((name for name, cues in _cues().items() if cues.search(lower)), "")


def is_delicate(text: str) -> bool:
    """Whether it is about a personal matter, and so is only pointed at."""
    return bool(matter(text))
