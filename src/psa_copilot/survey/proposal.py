"""What a desk's own data proposes for its configuration, each proposal with its reason and how sure it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from psa_copilot.calendar import WEEKDAYS
from psa_copilot.models import ActorClass, Board, Contact, Directory, Meaning, Message, Origin, Status, Ticket
from psa_copilot.survey import words
from psa_copilot.survey.titles import folded

FEW = 4
"""Tickets in a status below which their data says nothing."""
MOSTLY = 0.7
MANY_OF_ONE = 20
"""Tickets of one source or account below which nobody can tell a machine by its rate."""
REPEATS = 0.6
FEWEST_MESSAGES = 30
A_SHARE = 0.03
"""Of the messages of a day, what comes before opening or after closing."""
QUIET_DAY = 0.2
"""Of the usual day's messages, what makes a day a working day."""
MIRRORED_SHARE = 0.05


@dataclass(frozen=True)
class Sample:
    """Some of a desk's tickets, with the messages of a part of them."""

    directory: Directory
    tickets: Sequence[Ticket]
    messages: Mapping[str, Sequence[Message]] = field(default_factory=dict)
    """By remote id; a ticket that was not read is not in it."""
    contacts: Sequence[Contact] = ()
    days: int = 0
    """How many days of changes it spans."""


@dataclass(frozen=True)
class Guess:
    """One value that is proposed."""

    value: str
    because: str
    sure: bool = True


@dataclass(frozen=True)
class Proposal:
    """Everything that is proposed for one connection."""

    statuses: Mapping[str, Mapping[str, Guess]]
    """By board and status."""
    origins: Mapping[Origin, Mapping[str, Sequence[Guess]]]
    """By origin, and by source, board or creator."""
    hours: Mapping[str, Guess]
    """By board, `*` for all others; the value is what stands in the YAML."""
    confidential: Sequence[Guess] = ()
    vips: Sequence[Guess] = ()
    catch_all: Sequence[Guess] = ()
    own_company: Guess | None = None
    client_it: Sequence[Guess] = ()
    co_managed: Sequence[Guess] = ()
    sync_users: Sequence[Guess] = ()
    external_refs: str = ""
    """How many tickets have a number of another system."""


def propose(sample: Sample, zone: str, login_company: str = "") -> Proposal:
    """All proposals."""
    companies = Counter(ticket.company for ticket in sample.tickets if ticket.company)
    boards = [board.name for board in sample.directory.boards]
    return Proposal(
        statuses={board.name: dict(_statuses(board, sample)) for board in sample.directory.boards},
        origins=_origins(sample),
        hours=dict(_hours(sample, zone)),
        confidential=[Guess(name, "by its name") for name in boards if words.sounds_confidential(name)],
        vips=[Guess(one.name, f"the PSA calls this contact {one.kind}") for one in sample.contacts if _is_vip(one)],
        catch_all=[Guess(name, "by its name", False) for name in companies if words.sounds_like(name, "catch_all")],
        own_company=_own_company(companies, login_company),
        client_it=_client_it(sample.contacts),
        co_managed=_co_managed(sample),
        sync_users=_sync_users(sample),
        external_refs=_external_refs(sample.tickets),
    )


# -- statuses ----------------------------------------------------------------------------------------------------


def _statuses(board: Board, sample: Sample) -> Iterator[tuple[str, Guess]]:
    tickets: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in sample.tickets:
        if ticket.board == board.name:
            tickets[ticket.status].append(ticket)
    for status in board.statuses:
        yield status.name, meaning_of(status, tickets[status.name], sample.messages)


def meaning_of(status: Status, tickets: Sequence[Ticket], messages: Mapping[str, Sequence[Message]]) -> Guess:
    """What a status means: by the PSA's flags, then by its name, then by what stands in it."""
    named, seen = words.meaning_of(status.name), _seen(tickets, messages)
    if status.is_closed:
        value = named if named in (Meaning.RESOLVED, Meaning.CLOSED) else Meaning.CLOSED
        return Guess(value.value, _joined("the PSA counts it as closed", seen))
    if named is Meaning.CLOSED:
        # Its name promises more than its flag: work may still stand in it.
        return Guess(Meaning.RESOLVED.value, _joined("by its name, though the PSA counts it as open", seen), False)
    shown = _shown(tickets, messages)
    if named is not None:
        waits = (Meaning.NEW, Meaning.WAITING_ON_CUSTOMER)
        sure = shown is None or shown is named or named not in waits
        doubt = "" if sure else f"the data looks like {shown.value}" if shown else ""
        return Guess(named.value, _joined("by its name", doubt, seen), sure)
    if status.is_default:
        return Guess(Meaning.NEW.value, _joined("tickets of this board begin in it", seen))
    if shown is not None:
        return Guess(shown.value, _joined("by who speaks last in it", seen), False)
    return Guess(Meaning.IN_PROGRESS.value, _joined("neither flags nor its name tell", seen), False)


def _shown(tickets: Sequence[Ticket], messages: Mapping[str, Sequence[Message]]) -> Meaning | None:
    """What the tickets in a status look like, where enough of them say the same."""
    last = _last_speakers(tickets, messages)
    total = sum(last.values())
    if total < FEW:
        return None
    if last[ActorClass.TECHNICIAN] / total >= MOSTLY:
        return Meaning.WAITING_ON_CUSTOMER
    return Meaning.NEW if last[ActorClass.CUSTOMER] / total >= MOSTLY else None


def _last_speakers(tickets: Sequence[Ticket], messages: Mapping[str, Sequence[Message]]) -> Counter[ActorClass]:
    said = (messages.get(ticket.ref.remote_id, ()) for ticket in tickets)
    spoken = ([one for one in each if one.by.is_human and not one.internal] for each in said)
    return Counter(max(each, key=lambda one: one.sent_at).by for each in spoken if each)


def _seen(tickets: Sequence[Ticket], messages: Mapping[str, Sequence[Message]]) -> str:
    """What the data shows, for a person to judge by."""
    if not tickets:
        return "no ticket seen in it"
    last = _last_speakers(tickets, messages)
    total = sum(last.values())
    newest = max(ticket.updated_at for ticket in tickets)
    rests = sorted((newest - ticket.updated_at).total_seconds() / 86400 for ticket in tickets)
    told = f"{len(tickets)} ticket{'s' * (len(tickets) != 1)} seen"
    if not all(ticket.is_closed for ticket in tickets):
        told += f", unchanged for {rests[len(rests) // 2]:.1f} days in the middle"
    if total:
        told += f"; the customer spoke last in {last[ActorClass.CUSTOMER]} of {total}"
    return told


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


# -- origins -----------------------------------------------------------------------------------------------------


def _origins(sample: Sample) -> dict[Origin, dict[str, list[Guess]]]:
    found: dict[Origin, dict[str, list[Guess]]] = {}
    accounts = {one.identifier.casefold() for one in sample.directory.technicians if one.is_api}
    for kind, by, group in (
        ("source", "source", _grouped(sample.tickets, lambda ticket: ticket.source)),
        ("creator", "account", _grouped(sample.tickets, lambda ticket: ticket.created_by)),
        ("board", "board", _grouped(sample.tickets, lambda ticket: ticket.board)),
    ):
        for name, tickets in group.items():
            machine = name.casefold() in accounts if kind == "creator" else False
            guess = _origin(name, by, tickets, machine, sample.days)
            if guess:
                found.setdefault(guess[0], {}).setdefault(kind, []).append(guess[1])
    for board in sample.directory.boards:
        origin = _origin_by_name(board.name)
        listed = {guess.value for kinds in found.values() for guess in kinds.get("board", ())}
        if origin and board.name not in listed:
            found.setdefault(origin, {}).setdefault("board", []).append(Guess(board.name, "by its name", False))
    return found


def _grouped(tickets: Iterable[Ticket], key: Callable[[Ticket], str]) -> dict[str, list[Ticket]]:
    groups: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        if name := key(ticket):
            groups[name].append(ticket)
    return groups


def _origin_by_name(name: str) -> Origin | None:
    kinds = (Origin.ALERT, Origin.RECURRING, Origin.PROJECT, Origin.INTERNAL)
    return next((kind for kind in kinds if words.sounds_like(name, kind.value)), None)


def _origin(name: str, by: str, tickets: list[Ticket], machine: bool, days: int) -> tuple[Origin, Guess] | None:
    """Whether what comes this way comes from a machine: by its name, or by how much it repeats itself."""
    share, rate = repetition(tickets), f"{len(tickets)} in {max(days, 1)} days"
    repeats = len(tickets) >= MANY_OF_ONE and share >= REPEATS
    named = _origin_by_name(name)
    told = f"{rate}, {share:.0%} of them under 5 titles"
    if named is Origin.ALERT and by != "board":
        return Origin.ALERT, Guess(name, f"by its name; {told}", repeats or len(tickets) < MANY_OF_ONE)
    if named is Origin.ALERT and repeats:
        return Origin.ALERT, Guess(name, f"by its name, and it repeats itself: {told}")
    if repeats and machine:
        return Origin.ALERT, Guess(name, f"an integration's account that repeats itself: {told}")
    if repeats and by != "board":
        return Origin.ALERT, Guess(name, f"this {by} repeats itself: {told}", False)
    return None


def repetition(tickets: Sequence[Ticket]) -> float:
    """The share of the five commonest titles, numbers and names of machines aside."""
    titles = Counter(folded(ticket.title) for ticket in tickets)
    return sum(count for _, count in titles.most_common(5)) / len(tickets) if tickets else 0.0


# -- hours -------------------------------------------------------------------------------------------------------


def _hours(sample: Sample, zone: str) -> Iterator[tuple[str, Guess]]:
    boards = {ticket.ref.remote_id: ticket.board for ticket in sample.tickets}
    moments: dict[str, list[datetime]] = defaultdict(list)
    for remote_id, said in sample.messages.items():
        for message in said:
            if message.by is ActorClass.TECHNICIAN:
                moments[boards.get(remote_id, "")].append(message.sent_at.astimezone(ZoneInfo(zone)))
    everywhere = hours_of([one for some in moments.values() for one in some], zone)
    yield "*", everywhere
    for board, some in sorted(moments.items()):
        own = hours_of(some, zone)
        if board and own.sure and own.value != everywhere.value:
            yield board, Guess(own.value, own.because, False)


def hours_of(moments: Sequence[datetime], zone: str) -> Guess:
    """When technicians work, by when they wrote: what stands after `hours:` in the YAML."""
    if len(moments) < FEWEST_MESSAGES:
        usual = _as_yaml("mon-fri", 8, 18, zone)
        return Guess(usual, f"a usual week; only {len(moments)} messages of technicians were seen", False)
    days = Counter(moment.weekday() for moment in moments)
    busy = sorted(days.values(), reverse=True)[: max(1, len(days) // 2 + 1)]
    working = [number for number in range(7) if days[number] >= QUIET_DAY * sum(busy) / len(busy)]
    hours = sorted(moment.hour + moment.minute / 60 for moment in moments if moment.weekday() in working)
    cut = int(len(hours) * A_SHARE)
    opens, closes = int(hours[cut]), min(24, int(hours[-1 - cut]) + 1)
    told = f"{len(moments)} messages of technicians: {1 - 2 * A_SHARE:.0%} of them between {opens}:00 and {closes}:00"
    return Guess(_as_yaml(_days(working), opens, closes, zone), told)


def _days(working: Sequence[int]) -> str:
    names = [WEEKDAYS[number] for number in working]
    in_a_row = len(working) > 1 and list(working) == list(range(working[0], working[-1] + 1))
    return f"{names[0]}-{names[-1]}" if in_a_row else f"[{', '.join(names)}]"


def _as_yaml(days: str, opens: int, closes: int, zone: str) -> str:
    return f'{{days: {days}, open: "{opens:02}:00", close: "{closes:02}:00", zone: {zone}}}'


# -- people and companies ----------------------------------------------------------------------------------------


def _is_vip(contact: Contact) -> bool:
    kind = contact.kind.casefold()
    return contact.active and any(word in kind for word in ("vip", "executive", "owner", "decision"))


def _own_company(companies: Iterable[str], login: str) -> Guess | None:
    bare = "".join(filter(str.isalnum, login.casefold()))
    for name in companies if len(bare) >= FEW else ():
        if bare in "".join(filter(str.isalnum, name.casefold())):
            return Guess(name, "named like the company that people log in with", False)
    return None


def _client_it(contacts: Iterable[Contact]) -> list[Guess]:
    kinds = Counter(one.kind for one in contacts if one.kind and words.sounds_like(one.kind, "client_it"))
    return [Guess(kind, f"{count} contacts are of this type") for kind, count in kinds.most_common()]


def _co_managed(sample: Sample) -> list[Guess]:
    names = {ticket.company_id: ticket.company for ticket in sample.tickets if ticket.company_id}
    staff = Counter(one.company_id for one in sample.contacts if one.kind and words.sounds_like(one.kind, "client_it"))
    return [
        Guess(names[company], f"{count} of its contacts are its own IT staff", False)
        for company, count in staff.most_common()
        if company in names
    ]


def _sync_users(sample: Sample) -> list[Guess]:
    """Integrations besides us that change tickets: maybe a sync, maybe a harmless tool."""
    us = sample.directory.ourselves.casefold()
    accounts = {one.identifier.casefold(): one.identifier for one in sample.directory.technicians if one.is_api}
    busy = Counter(ticket.updated_by.casefold() for ticket in sample.tickets if ticket.external_ref)
    return [
        Guess(accounts[name], f"last changed {count} tickets that have a number of another system", False)
        for name, count in busy.most_common()
        if name in accounts and name != us
    ]


def _external_refs(tickets: Sequence[Ticket]) -> str:
    count = sum(bool(ticket.external_ref) for ticket in tickets)
    if not tickets or count / len(tickets) < MIRRORED_SHARE:
        return ""
    return f"{count} of {len(tickets)} tickets have a number of another system"
