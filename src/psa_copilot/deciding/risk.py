"""How likely a ticket is to miss its SLA: a hint for people, labelled as what it is; nothing is decided by it."""

from __future__ import annotations

from collections.abc import Sequence

from psa_copilot.memory import Memory, Notebook, Outcome
from psa_copilot.models import Field, Ticket
from psa_copilot.text import Text

RISK = "sla"
KNOWN = (Field.BOARD, Field.PRIORITY, Field.CATEGORY, Field.COMPANY, Field.CONTACT)
FEWEST = 200
"""Tickets, below which a risk would be a guess."""


def sla_hint(ticket: Ticket, memory: Memory) -> str:
    """`SLA miss risk 0.4: about 4 of 10 such tickets`; empty where too little is known."""
    risk = memory.risk(RISK)
    if risk is None:
        return ""
    chance = risk.chance({name.value: ticket.field(name) for name in KNOWN if ticket.field(name)}, ticket.opened_at)
    return f"SLA miss risk {chance:.1f}: about {round(10 * chance)} of 10 such tickets"


def learn_sla(outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> None:
    """Keep how likely a miss is, from tickets of which the PSA tells whether they made it."""
    known = [(one, one.sla_missed) for one in outcomes if one.sla_missed is not None]
    if len(known) >= FEWEST:
        facts = [{name.value: told for name, told in one.opened_with.items() if name in KNOWN} for one, _ in known]
        notebook.keep(RISK, text.learned_risk(facts, [one.opened_at for one, _ in known], [bool(m) for _, m in known]))
