"""Puts the findings of all connections together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from psa_copilot.survey.findings import QUESTIONS, ask, same_alert
from psa_copilot.survey.first import choose
from psa_copilot.survey.gathering import Gathered
from psa_copilot.survey.values import Counts, Digest, Finding, Sighting

WOULD_TITLE = "What the plugins would have written"
WOULD_RULE = "Each configured plugin on the newest open tickets, judged as ever, with nothing written."


def compose(gathered: Sequence[Gathered], tried: Finding, now: datetime, notes: Iterable[str]) -> Digest:
    """The digest: ten findings, and of all their tickets the one to begin with."""
    scenes = [one.scene for one in gathered]
    asked = [_merged([ask(asked, scene) for scene in scenes]) for asked in QUESTIONS]
    alerts = _merged([same_alert(scene) for scene in scenes])
    counts = Counts()
    for one in gathered:
        counts += one.counts
    return Digest(
        made_at=now,
        connections=tuple(one.name for one in gathered),
        first=choose(scenes, _by_ticket(asked)),
        findings=_in_order([*(_as_far_as_read(one, counts.unread) for one in asked), alerts, tried]),
        counts=counts,
        notes=tuple(notes),
    )


def _as_far_as_read(finding: Finding, unread: int) -> Finding:
    """What goes by messages is not whole before all of them are read."""
    if not unread or finding.key not in ("unanswered", "untouched"):
        return finding
    return replace(finding, unknown=f"messages of {unread:,} open tickets are not read yet")


ORDER = (
    "unanswered",
    "untouched",
    "unassigned",
    "nothing_scheduled",
    "owner_gone",
    "ping_pong",
    "same_alert",
    "reopened",
    "sla",
    "plugins",
)


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: ORDER.index(finding.key)))


def _merged(findings: Sequence[Finding]) -> Finding:
    """The same finding of several connections."""
    head = findings[0]
    found = sorted((one for finding in findings for one in finding.sightings), key=lambda one: -one.weight)
    unknown = "; ".join(dict.fromkeys(finding.unknown for finding in findings if finding.unknown))
    return Finding(head.key, head.title, head.rule, tuple(found), sum(one.count for one in findings), unknown)


def _by_ticket(findings: Iterable[Finding]) -> dict[str, dict[str, Sighting]]:
    found: dict[str, dict[str, Sighting]] = {}
    for finding in findings:
        for sighting in finding.sightings:
            found.setdefault(sighting.ref, {})[finding.key] = sighting
    return found
