"""The canary: a kind of write is tried on a test ticket, and only what set off nothing else may leave `observe`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from psa_copilot.actions import Action, AddNote, ChangeField
from psa_copilot.config import Config
from psa_copilot.connector import Can
from psa_copilot.engine.lines import Line
from psa_copilot.models import Field, Ref
from psa_copilot.store import CanaryRow, PluginStateRow, Transaction

NAME = "canary"
"""Who the ledger says has written."""
NOTES = ("add_note internal", "edit_note")
"""What a suggestion needs, and what withdraws a note."""
KINDS = (
    "add_note internal",
    "add_note discussion",
    "add_note resolution",
    "edit_note",
    *(f"change_field {field}" for field in Field),
    "log_time",
    "book",
    "link_to",
)
"""All that can be tried, in the order in which it is tried."""
QUIET = "quiet"
"""The stage of a trial that waits for nothing but a human's word on the mailbox."""
Standing = Literal["clean", "refused", "waiting", "expired", "missing"]


def kind_of(wish: Action) -> str:
    """What a canary is run for: `add_note internal`, `change_field status`, `edit_note`."""
    match wish:
        case AddNote():
            return f"add_note {wish.place}"
        case ChangeField():
            return f"change_field {wish.field.value}"
        case _:
            return wish.kind


def able(kind: str, can: Can) -> bool:
    """Whether the connector can write this kind at all."""
    abilities = {
        "add_note internal": can.internal_notes,
        "add_note discussion": can.public_notes,
        "add_note resolution": can.resolution_notes,
        "edit_note": can.edit_notes,
        "log_time": can.time_entries,
        "book": can.bookings,
        "link_to": can.links,
    }
    return abilities.get(kind, kind.removeprefix("change_field ") in can.fields)


def in_use(config: Config, connection: str) -> dict[str, list[str]]:
    """Each kind that a configured plugin may ask for on this connection, and which plugins do.

    Whoever writes notes may edit them: living notes go on in place, and `undo` withdraws. Suggestions are a note.
    """
    asked: dict[str, list[str]] = {}
    for name, enabled in config.plugins.items():
        if enabled.settings.when.connection and connection not in enabled.settings.when.connection:
            continue
        kinds = set(enabled.plugin_class(enabled.settings).asks_for())
        if kinds and (enabled.settings.mode == "suggest" or any(kind.startswith("add_note") for kind in kinds)):
            kinds |= set(NOTES) if enabled.settings.mode == "suggest" else {"edit_note"}
        for kind in kinds:
            asked.setdefault(kind, []).append(name)
    return {kind: sorted(asked[kind]) for kind in KINDS if kind in asked}


def standing(row: CanaryRow | None, fingerprint: str | None) -> Standing:
    """How a trial counts now; without a fingerprint at hand, as it ended."""
    if row is None:
        return "missing"
    if row.state == "clean":
        return "expired" if fingerprint is not None and row.fingerprint != fingerprint else "clean"
    return "waiting" if row.state == "waiting" else "refused"


def told(row: CanaryRow | None, fingerprint: str | None) -> str:
    """The same for people."""
    state, since = standing(row, fingerprint), f" since {row.done_at:%Y-%m-%d}" if row and row.done_at else ""
    words = {
        "clean": f"clean{since}",
        "refused": f"refused{since}: {'; '.join(row.found if row else ())}",
        "waiting": f"not over yet on ticket {row.ticket if row else ''}; the same command goes on",
        "expired": "the PSA's settings have changed since; run it again",
        "missing": "never tried: psa-copilot check --canary TICKET",
    }
    return words[state]


def missing(tx: Transaction, line: Line, wish: Action, mode: str = "act") -> str:
    """Why a wish of this kind may not be written on this connection, or nothing."""
    whys = (_missing(tx, line, kind) for kind in _needed(line, wish, mode))
    return next(filter(None, whys), "")


def _needed(line: Line, wish: Action, mode: str) -> Iterable[str]:
    """Its own kind, and those that come with it: a living note is edited, a suggestion is a living note."""
    can = line.connector.can
    along = NOTES if mode == "suggest" else ("edit_note",) if isinstance(wish, AddNote) and wish.living else ()
    return dict.fromkeys((kind_of(wish), *(kind for kind in along if able(kind, can))))


def _missing(tx: Transaction, line: Line, kind: str) -> str:
    row = tx.ledger.canary(line.name, kind)
    match standing(row, line.fingerprint):
        case "missing":
            return f"no canary has been run for {kind}: psa-copilot check --canary TICKET"
        case "waiting":
            return f"the canary for {kind} is still waiting"
        case "refused":
            return f"the canary for {kind} set off more than it should: {'; '.join(row.found if row else ())}"
        case "expired":
            return f"the PSA's settings have changed since the canary for {kind}; run it again"
        case _:
            return ""


def cleared_at(tx: Transaction, line: Line, wish: Action, mode: str) -> datetime | None:
    """When the last of the trials that this wish needs ended well: what happened before causes no write."""
    rows = (tx.ledger.canary(line.name, kind) for kind in _needed(line, wish, mode))
    return max((row.done_at for row in rows if row and row.done_at), default=None)


def at_work(tx: Transaction, ref: Ref) -> bool:
    """Whether a trial is being made on this ticket: nobody else writes to it then."""
    return any(row.before.get("stage") != QUIET for row in tx.ledger.canaries(ref.connection, waiting_on=ref.remote_id))


def settle(tx: Transaction, config: Config, connection: str, fingerprint: str | None, now: datetime) -> None:
    """Remember since when each plugin has been out of observe; what happened before causes no write.

    Where the risk is not accepted, a plugin leaves observe with the first of its kinds that a canary has cleared; each
    further kind counts from its own clearing.
    """
    risky = config.connections[connection].settings.accept_risk
    for plugin, enabled in config.plugins.items():
        may = risky or is_cleared(standings(tx, config, connection, plugin, fingerprint))
        mode = enabled.settings.mode if may else "observe"
        state = tx.ledger.state(connection, plugin)
        if state is None:
            tx.ledger.keep_state(PluginStateRow(connection=connection, plugin=plugin, mode=mode, since=now))
        elif (state.mode == "observe") != (mode == "observe"):
            state.mode, state.since = mode, now
        else:
            state.mode = mode


def is_cleared(states: Mapping[str, Standing]) -> bool:
    """Whether there is anything that a plugin may write; one that asks for nothing has nothing to be cleared."""
    alone = not states.keys() - {"edit_note"}
    return alone or any(state == "clean" for kind, state in states.items() if kind != "edit_note")


def standings(
    tx: Transaction, config: Config, connection: str, plugin: str, fingerprint: str | None
) -> dict[str, Standing]:
    """How the trials of the kinds that a plugin asks for stand; none for one that writes nothing."""
    kinds = [kind for kind, plugins in in_use(config, connection).items() if plugin in plugins]
    return {kind: standing(tx.ledger.canary(connection, kind), fingerprint) for kind in kinds}


def held_back(tx: Transaction, config: Config, connection: str, fingerprint: str | None) -> dict[str, list[str]]:
    """For each plugin that is meant to write, the kinds that no canary has cleared, with how they stand."""
    found = {}
    for plugin, enabled in config.plugins.items():
        states = standings(tx, config, connection, plugin, fingerprint) if enabled.settings.mode != "observe" else {}
        waiting = [f"{kind}: {state}" for kind, state in states.items() if state != "clean"]
        if waiting:
            found[plugin] = waiting
    return found
