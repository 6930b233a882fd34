"""Puts a scene together from the mirror: how every open ticket stands, who is there, and what is known of the past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psa_copilot.config import Config
from psa_copilot.desk import Desk
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import stopped_ticket
from psa_copilot.engine.views import confidential, is_away, origin_of, standing_of
from psa_copilot.models import Field, Origin, Person, Ticket
from psa_copilot.plugin import Standing
from psa_copilot.store import Stand, Store
from psa_copilot.survey.findings import HANDED_ON, WEEK
from psa_copilot.survey.scene import Scene, is_persons
from psa_copilot.survey.values import Counts

MOST_ALERTS = 50_000
MOVES = (*HANDED_ON, Field.STATUS)


@dataclass(frozen=True)
class Gathered:
    """One connection's scene, and what was left out of it."""

    name: str
    scene: Scene
    counts: Counts


def gather(config: Config, line: Line, store: Store, now: datetime, histories: str = "") -> Gathered:
    """All open tickets of one connection, sorted into those of persons, alerts, and those to be silent on."""
    people: list[Standing] = []
    alerts: list[Standing] = []
    silent = {"confidential": 0, "stopped": 0}
    for standing in _standings(config, line, store):
        if standing.confidential or standing.stopped:
            silent["confidential" if standing.confidential else "stopped"] += 1
        elif is_persons(standing.ticket):
            people.append(standing)
        elif standing.ticket.origin is Origin.ALERT:
            alerts.append(standing)
    counts = Counts(len(people) + len(alerts) + sum(silent.values()), _unread(line, store), len(alerts), **silent)
    return Gathered(line.name, _scene(line, store, now, tuple(people), tuple(alerts), histories), counts)


def _standings(config: Config, line: Line, store: Store) -> Iterator[Standing]:
    after = ""
    while True:
        with store.reading() as tx:
            stands = tx.standings.page(line.name, after)
        if not stands:
            return
        after = stands[-1].ticket.ref.remote_id
        yield from (_standing(config, line, stand) for stand in stands)


def _standing(config: Config, line: Line, stand: Stand) -> Standing:
    # `copilot off` mutes our writes on a ticket, and nothing else: a finding about it is still one.
    why = stopped_ticket(config, line, stand.ticket)
    meaning, calendar = line.meaning(stand.ticket), line.calendar(stand.ticket)
    return standing_of(stand, line.settings.desk, meaning, stopped=why, calendar=calendar)


def _unread(line: Line, store: Store) -> int:
    with store.reading() as tx:
        return tx.standings.count_unread(line.name)


def _scene(
    line: Line,
    store: Store,
    now: datetime,
    people: tuple[Standing, ...],
    alerts: tuple[Standing, ...],
    histories: str,
) -> Scene:
    desk = line.settings.desk
    with store.reading() as tx:
        moves = tx.standings.moves(line.name, [one.ticket.ref.remote_id for one in people], MOVES)
        recent = tx.standings.opened_since(line.name, now - WEEK, MOST_ALERTS)
        away = _away(line, tx.standings.time_off(line.name, now), now)
    by_list = Origin.ALERT in desk.origins  # else the PSA's own word is enough
    told = [_with_origin(value, desk) for value in recent if by_list or value["origin"] == Origin.ALERT]
    return Scene(
        now=now,
        settings=line.settings,
        people=people,
        alerts=alerts,
        recent_alerts=tuple(one for one in told if one.origin is Origin.ALERT and not confidential(one, desk)),
        technicians=_technicians(line),
        away=away,
        moves=moves,
        knows_appointments=line.connector.can.appointments,
        histories=histories,
    )


def _with_origin(value: Mapping[str, Any], desk: Desk) -> Ticket:
    ticket = Ticket.model_validate(value)
    return ticket.model_copy(update={"origin": origin_of(ticket, desk)})


def _technicians(line: Line) -> Mapping[str, Person] | None:
    if line.directory is None:
        return None
    return {person.identifier.casefold(): person for person in line.directory.technicians}


def _away(line: Line, time_off: dict[str, datetime], now: datetime) -> dict[str, datetime]:
    """Who is away now and until when: as the config says, else as the calendars do."""
    found = {who.casefold(): until for who, until in time_off.items()}
    for who, spans in line.settings.desk.away.items():
        if is_away(who, line.settings.desk, {}, now):
            found[who.casefold()] = max(span.until for span in spans if span.since <= now < span.until)
    return found


def with_history(gathered: Gathered, line: Line, store: Store, unknown: str) -> Gathered:
    """The same, once more of the past has been read."""
    numbers = [one.ticket.ref.remote_id for one in gathered.scene.people]
    with store.reading() as tx:
        moves = tx.standings.moves(line.name, numbers, MOVES)
    return replace(gathered, scene=replace(gathered.scene, moves=moves, histories=unknown))


def suspects(standings: Iterable[Standing], now: datetime, most: int) -> list[Ticket]:
    """The tickets whose history is worth a read first; each costs the PSA a request."""
    ranked = sorted(standings, key=lambda standing: _suspicion(standing, now), reverse=True)
    return [standing.ticket for standing in ranked[:most]]


def _suspicion(standing: Standing, now: datetime) -> float:
    """How likely a ticket has been handed to and fro, or came back: old, alive, much spoken of, changed in silence."""
    ticket = standing.ticket
    said = standing.last_at or ticket.opened_at
    silent_change = ticket.updated_at - max(said, ticket.opened_at) > timedelta(minutes=1)
    is_alive = now - ticket.updated_at <= WEEK
    age_days = (now - ticket.opened_at).total_seconds() / 86400
    return 2.0 * silent_change + 2.0 * is_alive + min(age_days, 30.0) / 10 + min(standing.messages, 20) / 10


def newest(people: Sequence[Standing], most: int) -> list[Standing]:
    """The tickets that plugins are tried on: the newest ones."""
    return sorted(people, key=lambda one: one.ticket.opened_at, reverse=True)[:most]
