"""HaloPSA against its sandbox: whatever the server does either way, nothing is lost, doubled, mailed or believed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import httpx
import pytest

from psa_copilot import (
    ActorClass,
    AuthFailed,
    EditNote,
    EventKind,
    Field,
    NotReady,
    RateLimited,
    Rejected,
    Unsupported,
)
from psa_copilot.markers import new_marker, same_text, signed
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing.listener import listening
from psa_copilot_connectors.halopsa import HaloPsa
from psa_copilot_connectors.halopsa.rows import Row
from psa_copilot_connectors.halopsa.sandbox import TRAPS, HaloPsaSandbox
from tests.connectors.halopsa_desk import SPEED, api, change, connected, halo, note, psa, ref, write

__all__ = ["api", "halo", "psa"]

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def walk(halo: HaloPsa, since: str) -> list[str]:
    tickets = [ticket async for page in halo.changes(since) for ticket in page.tickets]
    assert all(one.updated_at <= other.updated_at for one, other in pairwise(tickets))
    return [ticket.number for ticket in tickets]


# What changed, though filters may do nothing

WAYS = [
    {},
    {"since_filter": "ignored"},
    {"order": "ignored"},
    {"since_filter": "ignored", "order": "ignored"},
    {"since_inclusive": False},
    {"since_reads": "last_update"},
    {"since_reads": "lastactiondate"},
    {"since_reads": "lastactiondate", "order": "ignored"},
    {"since_reads": "last_update", "order": "ignored"},
    {"repeats_first_page": False, "bare_lists": True},
    {"bare_lists": True, "order": "ignored"},
]


@pytest.mark.parametrize("switches", WAYS, ids=lambda way: " ".join(f"{name}={to}" for name, to in way.items()) or "-")
async def test_the_walk_is_whole_whatever_the_server_heeds(
    psa: Sandbox, halo: HaloPsa, switches: dict[str, object]
) -> None:
    psa.switch(per_5_minutes=0, **switches)
    for number in range(150):
        psa.inject({"title": f"Ticket {number}"})
    everything = await walk(halo, halo.cursor_at(LONG_AGO))
    assert len(everything) == len(set(everything)) == psa.counts()["tickets"] == 172
    psa.advance("1h")
    since = psa.now() - timedelta(seconds=1)
    psa.speed(0.0001)
    made = [str(psa.inject({"title": f"Ticket {number} of a bad second"})) for number in range(120)]
    assert sorted(await walk(halo, halo.cursor_at(since))) == sorted(made)


@pytest.mark.parametrize("filters", ["heeded", "ignored"])
async def test_replies_on_old_tickets_are_found_where_lists_stay_newest_first(
    psa: Sandbox, halo: HaloPsa, filters: str
) -> None:
    psa.switch(per_5_minutes=0, since_filter=filters, order="ignored")
    old = [psa.inject({"title": f"Ticket {number}"}) for number in range(250)]
    psa.advance("1h")
    since = halo.cursor_at(psa.now())
    for number in old[:3]:
        psa.inject(number, {"role": "customer", "text": "It is back."})
    made = [psa.inject({"title": f"Newer ticket {number}"}) for number in range(120)]
    wanted = sorted(map(str, (*old[:3], *made)))
    assert sorted(await walk(halo, since)) == wanted
    asked = len(psa.log())
    assert sorted(await walk(halo, since)) == wanted
    assert len(psa.log()) - asked == (2 if filters == "heeded" else 4), "pages of what the filter leaves, or of all"


async def test_what_changes_while_unordered_pages_are_read_is_not_stepped_over(
    psa: Sandbox, halo: HaloPsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    psa.switch(per_5_minutes=0, order="ignored")
    since = halo.cursor_at(psa.now() - timedelta(seconds=1))
    made = [psa.inject({"title": f"Ticket {number}"}) for number in range(150)]
    await walk(halo, since)
    page = halo._site.page

    async def meddled(path: str, params: Row, number: int, *, doing: str) -> tuple[list[Row], int | None]:
        told = await page(path, params, number, doing=doing)
        if number == 1:
            for ticket in (made[-1], made[0]):  # the first is read already, and the second comes later
                psa.inject(ticket, {"role": "customer", "text": "It is back."})
        return told

    monkeypatch.setattr(halo._site, "page", meddled)
    cursor = [page.cursor async for page in halo.changes(since)][-1]
    monkeypatch.undo()
    assert str(made[-1]) in await walk(halo, cursor)


async def test_stamps_that_rise_by_chance_are_no_order(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(per_5_minutes=0, order="ignored")
    made = [psa.inject({"title": f"Ticket {number}"}) for number in range(250)]
    psa.advance("1h")
    since = halo.cursor_at(psa.now())
    changed = [*made[:50], *reversed(made[-100:])]  # the first page holds the last of them, oldest change first
    for number in changed:
        psa.inject(number, {"role": "customer", "text": "It is back."})
    assert await walk(halo, since) == list(map(str, changed))


@pytest.mark.parametrize("reads", ["both", "last_update", "lastactiondate"])
async def test_a_field_that_somebody_sets_is_seen_whatever_date_the_filter_reads(
    psa: Sandbox, halo: HaloPsa, api: httpx.Client, reads: str
) -> None:
    psa.switch(per_5_minutes=0, since_reads=reads)
    made = [psa.inject({"title": f"Ticket {number}"}) for number in range(120)]
    psa.advance("30m")  # a token lasts an hour
    since = halo.cursor_at(psa.now())
    write(api, "/Tickets", id=made[0], status_id=3).raise_for_status()
    psa.inject(made[1], {"role": "customer", "text": "It beeps."})
    wanted = [str(made[0]), str(made[1])]
    assert await walk(halo, since) == wanted
    asked = len(psa.log())
    assert await walk(halo, since) == wanted
    assert len(psa.log()) - asked <= 2, "once it is known what the filter reads, hardly more is asked"


async def test_a_server_that_ignores_the_filter_is_asked_newest_first(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(per_5_minutes=0, since_filter="ignored")
    made = [psa.inject({"title": f"Ticket {number}"}) for number in range(250)]
    psa.advance("1h")
    since = halo.cursor_at(psa.now())
    for number in (made[3], made[-1], made[7]):
        psa.inject(number, {"role": "customer", "text": "It is back."})
    changed = [str(made[3]), str(made[-1]), str(made[7])]
    assert await walk(halo, since) == changed
    asked = len(psa.log())
    assert await walk(halo, since) == changed
    assert len(psa.log()) - asked == 1, "one page, though the desk has more than two of them"


@pytest.mark.parametrize("order", ["heeded", "ignored"])
async def test_nothing_is_stepped_over_in_the_hour_that_comes_twice(psa: Sandbox, order: str) -> None:
    psa.switch(per_5_minutes=0, ticket_dates="local", order=order)
    begins = next(at for hour in range(24 * 366) if _comes_again(at := _full_hour(psa.now()) + timedelta(hours=hour)))
    async with connected(psa, zone="America/New_York") as halo:
        psa.advance(f"{(begins - psa.now()).total_seconds() + 3000:.0f}s")
        first = psa.inject({"title": "Ten to two"})
        cursor = [page.cursor async for page in halo.changes(halo.cursor_at(begins))][-1]
        psa.advance("20m")
        again = psa.inject({"title": "Ten past one, for the second time"})
        assert await walk(halo, cursor) == [str(again), str(first)]
        psa.advance("2h")
        late = psa.inject({"title": "Half past three"})
        assert await walk(halo, cursor) == [str(again), str(first), str(late)]


def _full_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def _comes_again(hour: datetime) -> bool:
    """Whether the wall clock shows the same an hour later."""
    zone = ZoneInfo("America/New_York")
    wall = (when.astimezone(zone).replace(tzinfo=None) for when in (hour, hour + timedelta(hours=1)))
    return len(set(wall)) == 1


async def test_all_numbers_are_listed_though_lists_may_come_bare(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(per_5_minutes=0, bare_lists=True)
    for number in range(110):
        psa.inject({"title": f"Ticket {number}"})
    listed = [number async for page in halo.ids() for number in page]
    assert len(listed) == len(set(listed)) == psa.counts()["tickets"]


async def test_a_list_that_repeats_its_first_page_ends(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(per_5_minutes=0, repeats_first_page=True)
    for number in range(110):
        psa.inject({"title": f"Ticket {number}"})
    async with asyncio.timeout(10):
        listed = [number async for page in halo.ids() for number in page]
    assert len(listed) == 100


# One ticket


@pytest.mark.parametrize("tells", [True, False])
async def test_what_a_ticket_was_opened_with_is_there_once(psa: Sandbox, halo: HaloPsa, tells: bool) -> None:
    psa.switch(opened_tells_details=tells)
    number = psa.inject({"title": "Till", "description": "It prints nothing.", "contact": "Anna Gray"})
    psa.inject(number, {"role": "customer", "text": "And it beeps."})
    messages = (await halo.pull(ref(number))).messages
    assert [one.text for one in messages] == ["It prints nothing.", "And it beeps."]
    assert {one.by for one in messages} == {ActorClass.CUSTOMER}


@pytest.mark.parametrize("whose", ["never", "customers", "all"])
async def test_lines_survive_html(psa: Sandbox, halo: HaloPsa, whose: str) -> None:
    psa.switch(html_notes=whose)
    number, marker = psa.inject({"title": "Till"}), new_marker()
    psa.inject(number, {"role": "customer", "text": "One line\nand <anna@contoso.example>"})
    made = await halo.apply(ref(number), note(marker), marker)
    assert await halo.find(ref(number), note(marker), marker) == made
    said, ours = (await halo.pull(ref(number))).messages
    assert said.text.split("\n") == ["One line", "and <anna@contoso.example>"]
    assert len(ours.text.split("\n")) == 3
    body = signed("Recap: all is well.\nNext: <nothing> & none.", "summarize", marker)
    edit = EditNote(note_id=made.remote_id, body=body, because="a test")
    await halo.apply(ref(number), edit, marker)
    assert await halo.find(ref(number), edit, marker) is not None
    assert (await halo.pull(ref(number))).messages[1].text == body


async def test_ids_may_be_decimals_and_dates_placeholders(psa: Sandbox, halo: HaloPsa) -> None:
    ticket = await halo.ticket(ref(1001))
    assert (ticket.closed_at, ticket.required_at) == (None, None)
    assert ticket.company_id.isdecimal()
    contacts = [one async for page in halo.contacts() for one in page]
    assert all(one.company_id.isdecimal() for one in contacts)


async def test_an_agent_who_is_not_listed_is_named_all_the_same(psa: Sandbox, halo: HaloPsa) -> None:
    psa.record("leaver", by="Ines Dahl")
    psa.switch(disabled_agents_listed=False)
    assert "Ines Dahl" not in {one.identifier for one in (await halo.directory()).technicians}
    assert (await halo.ticket(ref(1001))).assignee == "Ines Dahl"


@pytest.mark.parametrize("ids", [True, False])
async def test_history_tells_names(psa: Sandbox, halo: HaloPsa, ids: bool) -> None:
    psa.switch(audit_ids=ids)
    number = psa.inject({"title": "Till"})
    await halo.apply(ref(number), change(Field.STATUS, "In Progress"), "")
    [event] = await halo.history(ref(number))
    assert (event.kind, event.field, event.before, event.after) == (
        EventKind.FIELD_CHANGED,
        Field.STATUS,
        "New",
        "In Progress",
    )


# Writing: nothing besides


@pytest.mark.parametrize("trap", TRAPS)
async def test_an_outcome_that_does_more_is_refused_before_anything_is_written(psa: Sandbox, trap: str) -> None:
    psa.switch(**{trap: True})
    number, marker = psa.inject({"title": "Till"}), new_marker()
    async with connected(psa) as halo:
        faults = [finding for finding in await halo.check() if finding.level == "fault"]
        assert [finding.about for finding in faults] == ["outcome Private Note"]
        assert TRAPS[trap] in faults[0].says
        with pytest.raises(Rejected, match="make one that does nothing besides"):
            await halo.apply(ref(number), note(marker), marker)
    assert not [row for row in psa.log() if row["committed"]]
    assert psa.mailbox() == []


async def test_the_sandboxs_traps_snap(psa: Sandbox) -> None:
    """A refusal proves nothing where the trap would not have snapped; a client without our care falls into it."""
    psa.switch(outcome_mails=True, outcome_sets_status=True)
    number = psa.inject({"title": "Till"})
    async with connected(psa) as halo:
        body = {"ticket_id": number, "outcome_id": 7, "note": "Hello"}
        await halo._site.write("/Actions", body, doing="fall into a trap")
        assert (await halo.ticket(ref(number))).status == "In Progress"
    assert [mail["why"] for mail in psa.mailbox()] == ["outcome Private Note"]


async def test_no_note_and_no_field_mails_though_everything_is_on(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(all_side_effects=True)
    number, marker = psa.inject({"title": "Till"}), new_marker()
    made = await halo.apply(ref(number), note(marker), marker)
    body = signed("Recap: all is well.", "summarize", marker)
    await halo.apply(ref(number), EditNote(note_id=made.remote_id, body=body, because="a test"), marker)
    for field, to in ((Field.PRIORITY, "High"), (Field.ASSIGNEE, "Ines Dahl"), (Field.BOARD, "Escalations")):
        await halo.apply(ref(number), change(field, to), "")
    assert psa.mailbox() == []
    assert (await halo.ticket(ref(number))).status == "New"


async def test_a_status_that_mails_says_so_before_anybody_sets_it(psa: Sandbox, halo: HaloPsa) -> None:
    boards = (await halo.directory()).boards
    assert not any(status.mails for board in boards for status in board.statuses)
    psa.switch(status_mails=True)
    boards = (await halo.directory()).boards
    assert all(status.mails for board in boards for status in board.statuses)
    assert "New mails; In Progress mails" in " ".join(finding.says for finding in await halo.check())
    await halo.apply(ref(1001), change(Field.STATUS, "Scheduled"), "")
    assert [mail["why"] for mail in psa.mailbox()] == ["status Scheduled"]


async def test_a_note_is_hidden_from_the_user_and_from_their_own_it(psa: Sandbox, halo: HaloPsa) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    made = await halo.apply(ref(number), note(marker), marker)
    row = await halo._site.row(f"/Actions/{made.remote_id}", {"ticket_id": number}, doing="look")
    assert (row["hiddenfromuser"], row["ishiddenfrominternalit"]) == (True, True)
    assert row["actionby_application_id"] == "psa_copilot"


async def test_nothing_is_mailed_on_purpose(psa: Sandbox, halo: HaloPsa) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    mailed = note(marker).model_copy(update={"place": "discussion", "notify": True})
    with pytest.raises(Unsupported):
        await halo.apply(ref(number), mailed, marker)


async def test_a_priority_is_meant_within_its_sla(psa: Sandbox, halo: HaloPsa) -> None:
    number = psa.inject({"title": "Till"})
    await halo._site.write("/Tickets", {"id": number, "sla_id": 2}, doing="move to another SLA")
    receipt = await halo.apply(ref(number), change(Field.PRIORITY, "Critical"), "")
    assert receipt.value == "Critical"


@pytest.mark.parametrize("by", ["either", "name", "id"])
async def test_a_team_is_set_however_the_server_goes_by(psa: Sandbox, halo: HaloPsa, by: str) -> None:
    number = psa.inject({"title": "Till"})
    psa.switch(team_by=by)
    assert (await halo.apply(ref(number), change(Field.BOARD, "Escalations"), "")).value == "Escalations"


async def test_a_rule_that_sets_something_else_is_seen(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(rule_sets_priority=True, rules_heed_dont_do_rules=False)
    number = psa.inject({"title": "Till"})
    with pytest.raises(Rejected, match="kept priority 'Medium'"):
        await halo.apply(ref(number), change(Field.PRIORITY, "High"), "")


@pytest.mark.parametrize("answers", ["object", "array"])
async def test_a_write_is_understood_however_it_is_answered(psa: Sandbox, halo: HaloPsa, answers: str) -> None:
    psa.switch(write_answers=answers)
    number, marker = psa.inject({"title": "Till"}), new_marker()
    made = await halo.apply(ref(number), note(marker), marker)
    assert await halo.find(ref(number), note(marker), marker) == made
    assert (await halo.apply(ref(number), change(Field.TITLE, "The till"), "")).value == "The till"


async def test_an_edit_that_is_refused_is_told(psa: Sandbox, halo: HaloPsa) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    made = await halo.apply(ref(number), note(marker), marker)
    psa.switch(action_edit="refused")
    edit = EditNote(note_id=made.remote_id, body=signed("Recap: b", "summarize", marker), because="a test")
    with pytest.raises(Rejected, match="can no longer be edited"):
        await halo.apply(ref(number), edit, marker)


async def test_what_shows_late_is_found_later_and_written_once(psa: Sandbox, halo: HaloPsa) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    await halo.directory()
    psa.advance("1m")
    psa.switch(late_visibility=60)
    made = await halo.apply(ref(number), note(marker), marker)
    await halo.apply(ref(number), change(Field.STATUS, "In Progress"), "")
    assert await halo.find(ref(number), note(marker), marker) is None
    assert (await halo.ticket(ref(number))).status == "New"
    psa.advance("61s")
    assert await halo.find(ref(number), note(marker), marker) == made
    assert (await halo.ticket(ref(number))).status == "In Progress"
    assert len([one for one in psa.notes(number) if marker in one["text"]]) == 1


async def test_actions_of_two_tickets_may_share_a_number(psa: Sandbox, halo: HaloPsa) -> None:
    first, second = (psa.inject({"title": title}) for title in ("Till", "Scanner"))
    made = {}
    for number in (first, second):
        marker = new_marker()
        made[number] = await halo.apply(ref(number), note(marker), marker)
    assert made[first].remote_id == made[second].remote_id
    body = signed("Recap: another", "summarize", new_marker())
    await halo.apply(ref(first), EditNote(note_id=made[first].remote_id, body=body, because="a test"), "")
    assert same_text(psa.notes(first)[0]["text"], body)
    assert not same_text(psa.notes(second)[0]["text"], body)


# Getting in


async def test_a_token_is_fetched_once_and_again_when_it_has_ended(psa: Sandbox, halo: HaloPsa) -> None:
    await asyncio.gather(*(halo.known_good() for _ in range(10)))
    assert logins(psa) == 1
    psa.advance("2h")
    await halo.known_good()
    assert logins(psa) == 2


@pytest.mark.parametrize("status", ["401", "400"])
async def test_a_wrong_secret_is_told_by_its_key(psa: Sandbox, status: str) -> None:
    psa.switch(bad_client_status=status)
    async with connected(psa, client_secret="not-the-secret") as halo:
        with pytest.raises(AuthFailed, match=r"connections\.main\.client_secret") as failed:
            await halo.known_good()
    assert "not-the-secret" not in str(failed.value)


async def test_a_new_right_counts_without_a_restart(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(rights_in_token=True, tickets_right=False)
    with pytest.raises(Rejected, match="403"):
        await halo.ticket(ref(1001))
    psa.switch(tickets_right=True)
    with pytest.raises(Rejected, match="403"):
        await halo.ticket(ref(1001))  # the token is too young to be suspected
    psa.advance("2m")
    halo.http.clock.set(psa.now(), SPEED)
    assert (await halo.ticket(ref(1001))).number == "1001"


async def test_api_and_login_may_live_on_two_servers(psa: Sandbox) -> None:
    with running(HaloPsaSandbox) as elsewhere:
        async with connected(psa, auth_url=f"{elsewhere.url}/auth") as halo:
            with pytest.raises(AuthFailed):  # the token is another server's, and fetched there
                await halo.known_good()
        assert logins(elsewhere) > 0
        assert logins(psa) == 0


def logins(psa: Sandbox) -> int:
    return len([row for row in psa.log() if row["path"] == "/auth/token" and row["status"] == 200])


# The rate


async def test_our_rate_stays_within_300_in_any_5_minutes(psa: Sandbox) -> None:
    psa.speed(400)
    rate = HaloPsa.Settings.model_fields["rate"].default
    async with connected(psa, rate=rate, speed=400) as halo:
        await asyncio.gather(*(halo.known_good() for _ in range(330)))
    log = psa.log()
    assert [row for row in log if row["status"] == 429] == []
    sent = [datetime.fromisoformat(row["at"]) for row in log]
    busiest = max(sum(one <= other < one + timedelta(minutes=5) for other in sent) for one in sent)
    assert len(sent) > 330
    assert busiest <= 300


async def test_the_301st_request_is_refused_in_plain_text_and_waited_for(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(per_5_minutes=20)
    for _ in range(19):  # and the login
        await halo.known_good()
    with pytest.raises(RateLimited) as failed:
        await halo.known_good()
    assert failed.value.retry_after - halo.http.clock.now() > timedelta(seconds=20), "no Retry-After: the usual wait"
    asked = len(psa.log())
    with pytest.raises(RateLimited):
        await halo.known_good()
    assert len(psa.log()) == asked


async def test_a_wrong_tenants_page_is_no_answer(psa: Sandbox, halo: HaloPsa) -> None:
    psa.faults("html_502=1")
    with pytest.raises(NotReady, match="page instead of JSON"):
        await halo.known_good()


# Webhooks


@pytest.mark.parametrize("tells_event", [True, False])
async def test_a_webhook_is_read_whatever_stands_beside_the_ticket(
    psa: Sandbox, halo: HaloPsa, tells_event: bool
) -> None:
    psa.switch(webhook_event=tells_event)
    async with listening() as listener:
        await halo.register_webhooks(listener.url)
        number = psa.inject({"title": "Till"})
        opened = await listener.next()
        psa.inject(number, {"role": "customer", "text": "Hello?"})
        said = await listener.next()
    hints = [(await halo.read_webhook(one))[0] for one in (opened, said)]
    assert [hint.remote_id for hint in hints] == [str(number)] * 2
    assert hints[0].key != hints[1].key


async def test_a_webhook_that_somebody_switched_off_is_mended(psa: Sandbox, halo: HaloPsa) -> None:
    async with listening() as listener:
        await halo.register_webhooks(listener.url)
        [row] = await halo._site.rows("/Webhook", doing="look")
        await halo._site.write("/Webhook", {"id": row["id"], "active": False, "basic_password": "x"}, doing="meddle")
        await halo.register_webhooks(listener.url)
        number = psa.inject({"title": "Till"})
        [hint] = await halo.read_webhook(await listener.next())
    assert hint.remote_id == str(number)
    assert len(await halo._site.rows("/Notification", {"webhook_id": row["id"]}, doing="look")) == 2
