"""What every connector promises, as tests against its sandbox over real HTTP.

class TestMyPsa(ConnectorContract):
    connector_class = MyPsa
    sandbox_class = MyPsaSandbox

    def settings(self, url: str) -> dict[str, object]:
        return {"use": "mypsa", "url": url, "token": "secret"}

A PSA that speaks no HTTP needs no sandbox: give a `psa` fixture instead, usually a `LocalPsa`. What can only be tried
on a wire (cut answers, rates, webhooks) is left out then, and said to be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from psa_copilot.actions import Action, AddNote, Book, ChangeField, EditNote, LinkTo, LogTime, Mention, Place
from psa_copilot.clock import Clock
from psa_copilot.connector import Connector
from psa_copilot.errors import AuthFailed, Forged, NotFound, NotReady, PsaError, RateLimited, Rejected, Unsupported
from psa_copilot.http import Http
from psa_copilot.markers import marker_of, new_marker, same_text, signed
from psa_copilot.models import ActorClass, AppointmentKind, Directory, Field, Ref, Ticket
from psa_copilot.sandbox import PsaSandbox, Sandbox, running
from psa_copilot.testing.budget import LocalBudget
from psa_copilot.testing.listener import listening
from psa_copilot.testing.psa import LocalPsa, Psa

HOUR = timedelta(hours=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SPEED = 20.0  # polite waits are this much shorter; sandbox and client live in the same moved time
NOBODY = "No such thing"


class ConnectorContract:
    """Subclass it, name the two classes and the settings, and pytest runs the promises."""

    pytestmark = pytest.mark.asyncio

    connector_class: ClassVar[type[Connector]]
    sandbox_class: ClassVar[type[PsaSandbox]]
    request_timeout = timedelta(seconds=1)
    ties = 300
    """Tickets saved in one second, more than any page of the connector holds."""

    def settings(self, url: str) -> dict[str, object]:
        """What the config says under `connections.main` for a sandbox at `url`."""
        raise NotImplementedError

    @pytest.fixture
    def psa(self) -> Iterator[Psa]:
        """The PSA, with its usual scenario."""
        with running(self.sandbox_class) as sandbox:
            sandbox.speed(SPEED)
            yield sandbox

    @pytest.fixture(autouse=True)
    def over_http(self, psa: Psa, request: pytest.FixtureRequest) -> None:
        """Leaves out what only a connector can break that sends requests: whatever asks for a `psa: Sandbox`."""
        if request.function.__annotations__.get("psa") == "Sandbox" and not isinstance(psa, Sandbox):
            pytest.skip(f"{self.connector_class.name} sends no requests")

    @pytest.fixture
    def clock(self, psa: Psa) -> Clock:
        """The PSA's time."""
        if isinstance(psa, LocalPsa):
            return psa.clock
        clock = Clock()
        clock.set(psa.now(), SPEED)
        clock.followed = psa.clock_url
        return clock

    @pytest.fixture
    def budget(self, clock: Clock) -> LocalBudget:
        """More than enough; the tests of the rate take their own."""
        return LocalBudget("main", clock, rate=100_000)

    @pytest_asyncio.fixture
    async def connector(self, psa: Psa, clock: Clock, budget: LocalBudget) -> AsyncIterator[Connector]:
        """Connected, and nothing asked yet."""
        http = Http("main", clock, budget, self.request_timeout)
        yield self.connected(psa, http)
        await http.close()

    def connected(self, psa: Psa, http: Http, **more: object) -> Connector:
        """A connector with these settings."""
        settings = self.connector_class.Settings.model_validate({**self.settings(psa.url), **more})
        return self.connector_class(settings, http)

    # What changed

    async def test_the_first_walk_sees_every_ticket_oldest_change_first(self, psa: Psa, connector: Connector) -> None:
        seen = await _walk(connector, connector.cursor_at(LONG_AGO))
        assert len(seen) == len({ticket.ref for ticket in seen}) == psa.counts()["tickets"]
        assert all(one.updated_at <= other.updated_at for one, other in pairwise(seen))

    async def test_the_cursor_goes_on_from_where_the_walk_ended(self, psa: Psa, connector: Connector) -> None:
        cursor = await _last_cursor(connector, connector.cursor_at(LONG_AGO))
        psa.advance("1h")
        number = psa.inject({"title": "Scanner is silent", "messages": [{"role": "customer", "text": "Hello"}]})
        seen = [ticket.ref.remote_id for ticket in await _walk(connector, cursor)]
        assert seen[-1] == str(number)
        assert len(seen) < psa.counts()["tickets"]

    async def test_a_cursor_is_a_time(self, psa: Psa, connector: Connector) -> None:
        start = psa.now().replace(microsecond=0)
        assert datetime.fromisoformat(connector.cursor_at(start)) == start
        walked = datetime.fromisoformat(await _last_cursor(connector, connector.cursor_at(LONG_AGO)))
        assert LONG_AGO < walked <= psa.now()

    async def test_tickets_saved_in_one_second_all_come_once(self, psa: Psa, connector: Connector) -> None:
        psa.advance("1h")
        start = psa.now() - timedelta(seconds=1)
        psa.speed(0.0001)
        made = {str(psa.inject({"title": f"Ticket {number} of a bad second"})) for number in range(self.ties)}
        seen = [ticket.ref.remote_id for ticket in await _walk(connector, connector.cursor_at(start))]
        assert sorted(seen) == sorted(made)

    async def test_a_ticket_saved_later_in_the_last_second_is_not_lost(self, psa: Psa, connector: Connector) -> None:
        psa.speed(0.0001)
        first = psa.inject({"title": "First of this second"})
        cursor = await _last_cursor(connector, connector.cursor_at(LONG_AGO))
        second = psa.inject({"title": "Second of this second"})
        seen = {ticket.ref.remote_id for ticket in await _walk(connector, cursor)}
        assert {str(first), str(second)} <= seen

    async def test_the_numbers_of_all_tickets_are_listed(self, psa: Psa, connector: Connector) -> None:
        listed = [number async for page in connector.ids() for number in page]
        assert len(listed) == len(set(listed)) == psa.counts()["tickets"]

    async def test_all_contacts_are_listed_once(self, psa: Psa, connector: Connector) -> None:
        self.need("contacts")
        listed = [contact async for page in connector.contacts() for contact in page]
        assert len({contact.remote_id for contact in listed}) == len(listed) == psa.counts()["contacts"]
        assert all(contact.name and contact.company_id for contact in listed)
        assert any("@" in contact.email for contact in listed)

    async def test_a_fingerprint_stays_while_nobody_changes_the_setup(self, psa: Psa, connector: Connector) -> None:
        before = await connector.fingerprint()
        psa.inject({"title": "Tray 2"})
        psa.advance("1h")
        assert await connector.fingerprint() == before

    # One ticket

    async def test_what_passes_by_itself_leaves_no_trace(self, psa: Psa, connector: Connector) -> None:
        await connector.directory()
        ref = _ref(psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It is jammed."}]}))
        before, wrote = await connector.traces(ref), psa.written()
        psa.advance("1h")
        assert await connector.traces(ref) == before
        assert psa.written() == wrote

    async def test_what_somebody_does_leaves_a_trace_or_is_said_to_go_unseen(
        self, psa: Psa, connector: Connector
    ) -> None:
        self.need("time_entries")
        ref, note, marker = await self.note(psa, connector)
        before = await connector.traces(ref)
        await connector.apply(ref, LogTime(body=note.body, minutes=6, because="a test"), marker)
        after = await connector.traces(ref)
        assert after.there != before.there or after.unseen

    async def test_a_ticket_comes_with_all_that_was_said(self, psa: Psa, connector: Connector) -> None:
        number = psa.inject(
            {
                "title": "Tray 2 prints blank pages",
                "messages": [
                    {"role": "customer", "text": "It prints blank pages.", "at": "-3h"},
                    {"role": "agent", "text": "Please try tray 1.", "at": "-2h"},
                    {"role": "agent", "text": "Toner sensor, I think.", "internal": True, "at": "-1h"},
                ],
            }
        )
        pulled = await connector.pull(_ref(number))
        assert pulled.ticket.title == "Tray 2 prints blank pages"
        assert [(one.text, one.by, one.internal) for one in pulled.messages] == [
            ("It prints blank pages.", ActorClass.CUSTOMER, False),
            ("Please try tray 1.", ActorClass.TECHNICIAN, False),
            ("Toner sensor, I think.", ActorClass.TECHNICIAN, True),
        ]
        assert (await connector.ticket(_ref(number))) == pulled.ticket
        assert (await connector.messages(pulled.ticket)).messages == pulled.messages

    async def test_messages_read_together_are_those_read_one_by_one(self, psa: Sandbox, connector: Connector) -> None:
        said = [{"role": role, "text": f"About tray {n}.", "at": "-1h"} for n, role in enumerate(("customer", "agent"))]
        made = [psa.inject({"title": f"Tray {n}", "messages": said[:n]}) for n in range(3)]
        tickets = [await connector.ticket(_ref(number)) for number in made]
        asked = len(psa.log())
        together = await connector.messages_of(tickets)
        took = len(psa.log()) - asked
        one_by_one = [await connector.messages(ticket) for ticket in tickets]
        told = {one.ticket.ref: one.messages for one in together}
        assert told == {one.ticket.ref: one.messages for one in one_by_one}
        assert connector.at_once == 1 or took <= len(psa.log()) - asked - took

    async def test_what_a_first_sync_takes_is_told_beforehand(self, psa: Sandbox, connector: Connector) -> None:
        await connector.directory()
        asked = len(psa.log())
        expected = await connector.expected(LONG_AGO)
        if expected is None:
            pytest.skip(f"{connector.name} cannot tell it by a few reads")
        beforehand = len(psa.log()) - asked
        tickets = await _walk(connector, connector.cursor_at(LONG_AGO))
        for start in range(0, len(tickets), connector.at_once):
            await connector.messages_of(tickets[start : start + connector.at_once])
        took = len(psa.log()) - asked - beforehand
        assert expected.tickets == len(tickets)
        assert abs(expected.requests - took) <= 5 + took // 5
        assert beforehand <= 5

    async def test_what_the_limit_leaves_is_told_or_nothing_is(self, connector: Connector) -> None:
        allowance = await connector.allowance()
        assert allowance is None or 0 < allowance.left <= allowance.most

    async def test_the_directory_names_us_the_people_and_the_boards(self, psa: Psa, connector: Connector) -> None:
        directory = await connector.directory()
        assert {board.name for board in directory.boards if board.statuses}
        assert all(sum(status.is_default for status in board.statuses) == 1 for board in directory.boards)
        [us] = [person for person in directory.technicians if person.identifier == directory.ourselves]
        assert us.is_api
        assert any(person.active and not person.is_api for person in directory.technicians)

    # Writing

    async def test_a_note_is_written_inside_and_found_again(self, psa: Psa, connector: Connector) -> None:
        ref, wish, marker = await self.note(psa, connector)
        assert await connector.find(ref, wish, marker) is None
        receipt = await connector.apply(ref, wish, marker)
        [note] = _ours(psa, ref, marker)
        assert str(note["id"]) == receipt.remote_id
        assert same_text(str(note["text"]), wish.body)
        assert await connector.find(ref, wish, marker) == receipt
        assert psa.mailbox() == []

    @pytest.mark.parametrize("place", ["discussion", "resolution"])
    async def test_a_note_for_the_customer_is_shown_and_mails_nobody_unasked(
        self, psa: Psa, connector: Connector, place: Place
    ) -> None:
        ref, wish, marker = await self.note(psa, connector)
        shown = wish.model_copy(update={"place": place})
        can = {"discussion": connector.can.public_notes, "resolution": connector.can.resolution_notes}
        if not can[place]:
            with pytest.raises(Unsupported):
                await connector.apply(ref, shown, marker)
            return
        receipt = await connector.apply(ref, shown, marker)
        assert await connector.find(ref, shown, marker) == receipt
        [home] = [one for one in (await connector.pull(ref)).messages if one.remote_id == receipt.remote_id]
        assert not home.internal
        assert psa.mailbox() == []

    async def test_our_note_comes_home_internal_and_as_an_account(self, psa: Psa, connector: Connector) -> None:
        ref, wish, marker = await self.note(psa, connector)
        receipt = await connector.apply(ref, wish, marker)
        [home] = [one for one in (await connector.pull(ref)).messages if one.remote_id == receipt.remote_id]
        assert home.internal
        assert home.by is ActorClass.INTEGRATION
        assert home.author_id == (await connector.directory()).ourselves
        assert marker_of(home.text) == marker

    async def test_a_marker_in_a_customers_mouth_is_not_our_note(self, psa: Psa, connector: Connector) -> None:
        ref, wish, marker = await self.note(psa, connector)
        _say(psa, ref, {"role": "customer", "text": wish.body})
        _say(psa, ref, {"role": "agent", "text": wish.body, "internal": True})
        assert await connector.find(ref, wish, marker) is None

    async def test_a_note_of_ours_gets_new_words(self, psa: Psa, connector: Connector) -> None:
        ref, wish, marker = await self.note(psa, connector)
        made = await connector.apply(ref, wish, marker)
        edit = EditNote(
            note_id=made.remote_id, body=signed("Recap: all is well.", "summarize", marker), because="a test"
        )
        if not await self.can_do(connector, "edit_notes", ref, edit, marker):
            return
        assert await connector.find(ref, edit, marker) is None
        receipt = await connector.apply(ref, edit, marker)
        assert receipt.remote_id == made.remote_id
        assert await connector.find(ref, edit, marker) == receipt
        [note] = _ours(psa, ref, marker)
        assert same_text(str(note["text"]), edit.body)
        assert psa.mailbox() == []

    async def test_a_note_that_is_gone_is_not_a_ticket_that_is_gone(self, psa: Psa, connector: Connector) -> None:
        self.need("edit_notes")
        ref, _, marker = await self.note(psa, connector)
        edit = EditNote(note_id="999999", body=signed("Recap: all is well.", "summarize", marker), because="a test")
        assert await connector.find(ref, edit, marker) is None
        with pytest.raises(Rejected):
            await connector.apply(ref, edit, marker)

    @pytest.mark.parametrize("field", list(Field))
    async def test_a_field_is_changed_and_nothing_else(self, psa: Psa, connector: Connector, field: Field) -> None:
        before = await connector.ticket(_ref(psa.inject({"title": "Screen stays dark"})))
        if field not in connector.can.fields:
            with pytest.raises(Unsupported):
                await connector.apply(before.ref, ChangeField(field=field, to=NOBODY, was="", because="a test"), "")
            return
        to = _other(field, before, await connector.directory())
        wish = ChangeField(field=field, to=to, was=before.field(field), because="a test")
        assert await connector.find(before.ref, wish, "") is None
        receipt = await connector.apply(before.ref, wish, "")
        after = await connector.ticket(before.ref)
        assert receipt.value == after.field(field) == to
        assert await connector.find(before.ref, wish, "") == receipt
        kept = set(Field) - {field} - ({Field.STATUS} if field is Field.BOARD else set())
        assert {one: after.field(one) for one in kept} == {one: before.field(one) for one in kept}
        assert psa.mailbox() == []

    async def test_a_board_takes_a_status_along(self, psa: Psa, connector: Connector) -> None:
        if not {Field.BOARD, Field.STATUS} <= connector.can.fields:
            pytest.skip(f"{connector.name} does not move tickets between boards")
        before, directory = await connector.ticket(_ref(psa.inject({"title": "Tray 2"}))), await connector.directory()
        board = next(board for board in directory.boards if board.name != before.board and len(board.statuses) > 1)
        status = next(one.name for one in board.statuses if one.name != before.status and not one.is_closed)
        wish = ChangeField(
            field=Field.BOARD, to=board.name, was=before.board, along={Field.STATUS: status}, because="a test"
        )
        await connector.apply(before.ref, wish, "")
        after = await connector.ticket(before.ref)
        assert (after.board, after.status) == (board.name, status)
        assert not isinstance(psa, Sandbox) or psa.written() == 1  # in one request, or it could end halfway
        assert await connector.find(before.ref, wish, "") is not None
        assert psa.mailbox() == []

    # Time, calendars, links

    async def test_time_of_ours_is_logged_once_and_found(self, psa: Psa, connector: Connector) -> None:
        ref, note, marker = await self.note(psa, connector)
        wish = LogTime(body=note.body, minutes=6, because="a test")
        if not await self.can_do(connector, "time_entries", ref, wish, marker):
            return
        before = psa.counts()["time_entries"]
        assert await connector.find(ref, wish, marker) is None
        receipt = await connector.apply(ref, wish, marker)
        assert psa.counts()["time_entries"] == before + 1
        assert await connector.find(ref, wish, marker) == receipt
        assert await connector.find(ref, wish, new_marker()) is None
        assert psa.mailbox() == []

    async def test_an_appointment_is_booked_found_and_seen(self, psa: Psa, connector: Connector) -> None:
        ref, _, marker = await self.note(psa, connector)
        starts = psa.now().replace(microsecond=0) + timedelta(days=3)
        wish = Book(person=await _technician(connector), starts=starts, ends=starts + HOUR, because="a test")
        if not await self.can_do(connector, "bookings", ref, wish, marker):
            return
        assert await connector.find(ref, wish, marker) is None
        receipt = await connector.apply(ref, wish, marker)
        assert await connector.find(ref, wish, marker) == receipt
        later = wish.model_copy(update={"starts": starts + HOUR, "ends": starts + 2 * HOUR})
        assert await connector.find(ref, later, marker) is None
        [seen] = await connector.appointments(starts, starts + HOUR, ref)
        assert (seen.remote_id, seen.kind, seen.ticket) == (receipt.remote_id, AppointmentKind.TICKET, ref.remote_id)
        assert (seen.person, seen.starts, seen.ends, seen.done) == (wish.person, wish.starts, wish.ends, False)
        assert receipt.remote_id in {one.remote_id for one in await connector.appointments(starts, starts + HOUR)}
        assert await connector.appointments(starts + HOUR, starts + 2 * HOUR, ref) == []
        assert await connector.appointments(starts - HOUR, starts, ref) == []
        assert psa.mailbox() == []

    async def test_nobody_is_booked_who_does_not_work_here(self, psa: Psa, connector: Connector) -> None:
        self.need("bookings")
        ref, _, marker = await self.note(psa, connector)
        starts = psa.now() + timedelta(days=3)
        with pytest.raises(Rejected):
            await connector.apply(ref, Book(person=NOBODY, starts=starts, ends=starts + HOUR, because="a test"), marker)

    async def test_a_ticket_becomes_the_child_of_another(self, psa: Psa, connector: Connector) -> None:
        ref, _, marker = await self.note(psa, connector)
        parent = str(psa.inject({"title": "Printers of the whole floor"}))
        wish = LinkTo(parent=parent, because="a test")
        if not await self.can_do(connector, "links", ref, wish, marker):
            return
        assert await connector.find(ref, wish, marker) is None
        receipt = await connector.apply(ref, wish, marker)
        assert (await connector.ticket(ref)).parent == parent
        assert await connector.find(ref, wish, marker) == receipt
        assert psa.mailbox() == []

    async def test_a_parent_that_is_not_there_is_refused(self, psa: Psa, connector: Connector) -> None:
        self.need("links")
        ref, _, marker = await self.note(psa, connector)
        with pytest.raises(Rejected):
            await connector.apply(ref, LinkTo(parent="99999999", because="a test"), marker)

    async def test_a_fresh_ticket_can_be_closed(self, psa: Psa, connector: Connector) -> None:
        assert await connector.blocks_closing(_ref(psa.inject({"title": "Tray 2"}))) == []

    async def test_a_line_for_the_digest_is_no_write(self, psa: Psa, connector: Connector) -> None:
        ref, _, marker = await self.note(psa, connector)
        for ask in (connector.apply, connector.find):
            with pytest.raises(Unsupported):
                await ask(ref, Mention(body="Nobody has answered.", because="a test"), marker)

    def need(self, ability: str) -> None:
        """Skips where the connector lacks it."""
        if not getattr(self.connector_class.can, ability):
            pytest.skip(f"{self.connector_class.name} has no {ability.replace('_', ' ')}")

    async def can_do(self, connector: Connector, ability: str, ref: Ref, wish: Action, marker: str) -> bool:
        """Whether it can; if not, it has to say so."""
        if getattr(connector.can, ability):
            return True
        with pytest.raises(Unsupported):
            await connector.apply(ref, wish, marker)
        return False

    # Refusals

    @pytest.mark.parametrize("field", [Field.STATUS, Field.BOARD, Field.PRIORITY, Field.ASSIGNEE, Field.CATEGORY])
    async def test_a_value_that_is_not_there_is_refused_unasked(
        self, psa: Psa, connector: Connector, field: Field
    ) -> None:
        before = await connector.ticket(_ref(psa.inject({"title": "Screen stays dark"})))
        wish = ChangeField(field=field, to=NOBODY, was=before.field(field), because="a test")
        with pytest.raises(Rejected if field in connector.can.fields else Unsupported):
            await connector.apply(before.ref, wish, "")
        assert await connector.ticket(before.ref) == before

    # Errors by name

    async def test_a_psa_that_is_away_is_named_and_comes_back(self, psa: Psa, connector: Connector) -> None:
        ref, wish, marker = await self.note(psa, connector)
        with psa.away():
            for ask in (connector.known_good(), connector.ticket(ref), connector.apply(ref, wish, marker)):
                with pytest.raises(NotReady) as failed:
                    await ask
                assert type(failed.value) is NotReady
            assert [finding.level for finding in await connector.check()] == ["fault"]
        await connector.known_good()
        assert _ours(psa, ref, marker) == []

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("http_401", AuthFailed),
            ("http_429", RateLimited),
            ("http_500", NotReady),
            ("html_502", NotReady),
            ("refuse", NotReady),
            ("cut_before", NotReady),
            ("timeout", NotReady),
        ],
    )
    async def test_a_read_that_fails_says_how(
        self, psa: Sandbox, connector: Connector, fault: str, error: type[PsaError]
    ) -> None:
        await connector.known_good()
        psa.faults(f"{fault}=1")
        with pytest.raises(error) as failed:
            await connector.known_good()
        assert type(failed.value) is error
        psa.faults()
        if error is not RateLimited:
            await connector.known_good()

    async def test_a_read_gets_over_a_passing_fault(self, psa: Sandbox, connector: Connector) -> None:
        await connector.known_good()
        psa.faults("http_500=@2")
        assert len(await _walk(connector, connector.cursor_at(LONG_AGO))) == psa.counts()["tickets"]

    async def test_a_ticket_that_is_not_there_is_not_found(self, connector: Connector) -> None:
        with pytest.raises(NotFound):
            await connector.ticket(_ref(99_999_999))
        await connector.known_good()

    @pytest.mark.parametrize("fault", ["cut_after", "cut_before", "timeout", "http_500", "html_502"])
    async def test_a_write_without_an_answer_may_have_been_done(
        self, psa: Sandbox, connector: Connector, fault: str
    ) -> None:
        ref, wish, marker = await self.note(psa, connector)
        psa.faults(f"{fault}=1")
        with pytest.raises(NotReady) as failed:
            await connector.apply(ref, wish, marker)
        psa.faults()
        assert failed.value.maybe_done
        found, there = await connector.find(ref, wish, marker), _ours(psa, ref, marker)
        assert (found is not None) == (len(there) == 1) == (fault == "cut_after")
        assert len([row for row in psa.log() if row["fault"]]) == 1

    async def test_a_write_that_came_too_fast_was_not_done(self, psa: Sandbox, connector: Connector) -> None:
        ref, wish, marker = await self.note(psa, connector)
        psa.faults("http_429=1")
        with pytest.raises(RateLimited) as failed:
            await connector.apply(ref, wish, marker)
        assert not failed.value.maybe_done
        assert _ours(psa, ref, marker) == []

    # Webhooks

    async def test_a_genuine_webhook_tells_which_ticket_changed(self, psa: Sandbox, connector: Connector) -> None:
        self.need("webhooks")
        async with listening() as listener:
            await connector.register_webhooks(listener.url)
            number = psa.inject({"title": "Till prints no receipts"})
            delivery = await listener.next()
        [hint] = await connector.read_webhook(delivery)
        assert (hint.remote_id, hint.deleted) == (str(number), False)
        assert hint.ticket is None or hint.ticket == await connector.ticket(_ref(number))
        assert await connector.read_webhook(delivery) == [hint]

    async def test_two_changes_of_one_second_are_two(self, psa: Sandbox, connector: Connector) -> None:
        self.need("webhooks")
        psa.speed(0.0001)
        async with listening() as listener:
            await connector.register_webhooks(listener.url)
            number = psa.inject({"title": "Till prints no receipts"})
            opened = await listener.next()
            wish = ChangeField(
                field=Field.TITLE, to="Till is repaired", was="Till prints no receipts", because="a test"
            )
            await connector.apply(_ref(number), wish, "")
            changed = await listener.next()
        keys = {(await connector.read_webhook(delivery))[0].key for delivery in (opened, changed)}
        assert len(keys) == 2

    async def test_a_forged_webhook_is_not_believed_and_asks_nothing(self, psa: Sandbox, connector: Connector) -> None:
        self.need("webhooks")
        async with listening() as listener:
            await connector.register_webhooks(listener.url)
            number = psa.inject({"title": "Till prints no receipts"})
            genuine = await listener.next()
        await connector.read_webhook(genuine)
        asked = len(psa.log())
        changed = replace(genuine, body=genuine.body.replace(str(number).encode(), str(number - 1).encode()))
        unsigned = replace(genuine, headers={"content-type": "application/json"})
        for forged in (changed, unsigned, replace(genuine, body=b"{}"), replace(genuine, body=b"\xff<html>")):
            with pytest.raises(Forged):
                await connector.read_webhook(forged)
        assert len(psa.log()) == asked

    async def test_webhooks_are_registered_once(self, psa: Sandbox, connector: Connector) -> None:
        self.need("webhooks")
        async with listening() as listener:
            for _ in range(3):
                await connector.register_webhooks(listener.url)
            psa.inject({"title": "Till prints no receipts"})
            await listener.next()
            psa.inject({"title": "Printer is on fire"})
            [hint] = await connector.read_webhook(await listener.next())
        assert (await connector.ticket(_ref(hint.remote_id))).title == "Printer is on fire"

    async def test_webhooks_are_ended_but_for_the_one_to_keep(self, psa: Sandbox, connector: Connector) -> None:
        self.need("webhooks")
        async with listening() as listener, listening() as former:
            for url in (former.url, listener.url):
                await connector.register_webhooks(url)
            assert await connector.remove_webhooks(keep=listener.url) == [former.url]
            assert await connector.remove_webhooks(keep=listener.url) == []
            psa.inject({"title": "Till prints no receipts"})
            await listener.next()
            assert former.waiting == 0
            assert await connector.remove_webhooks() == [listener.url]

    # The rate

    async def test_the_rate_is_kept_by_the_psas_own_log(self, psa: Sandbox) -> None:
        psa.speed(120)
        clock = Clock()
        clock.set(psa.now(), 120)
        budget = LocalBudget("main", clock, rate=20)
        http = Http("main", clock, budget, self.request_timeout)
        connector = self.connected(psa, http)
        await asyncio.gather(*(connector.known_good() for _ in range(45)))
        await http.close()
        let_go, came = budget.taken, sorted(datetime.fromisoformat(row["at"]) for row in psa.log())
        # A busy machine may carry a request late, which is nobody's fault, but none comes that was not let go before:
        # nothing goes around the budget, and the budget lets the 21st from any one on go a minute later.
        assert 45 <= len(came) <= len(let_go)
        assert all(at >= gone for at, gone in zip(came, let_go, strict=False))
        assert all(later - one >= timedelta(minutes=1) for one, later in zip(let_go, let_go[20:], strict=False))

    async def test_nothing_is_sent_before_retry_after_has_passed(self, psa: Sandbox, connector: Connector) -> None:
        await connector.known_good()
        psa.switch(retry_after=8)
        psa.faults("http_429=@2")
        for _ in range(4):
            await connector.known_good()
        log = psa.log()
        refused = [n for n, row in enumerate(log[:-1]) if row["status"] == 429]
        assert refused
        for n in refused:
            wait = datetime.fromisoformat(log[n + 1]["at"]) - datetime.fromisoformat(log[n]["at"])
            assert wait >= timedelta(seconds=8)

    # Who checks

    async def test_check_says_something_about_everything(self, connector: Connector) -> None:
        findings = await connector.check()
        assert findings
        assert all(finding.about and finding.says for finding in findings)
        assert not [finding for finding in findings if finding.level == "fault"]

    async def test_check_writes_nothing(self, psa: Psa, connector: Connector) -> None:
        before = psa.written()
        await connector.check()
        assert psa.written() == before

    async def test_check_reports_a_locked_door(self, psa: Sandbox, connector: Connector) -> None:
        psa.faults("http_401=1")
        assert [finding.level for finding in await connector.check()] == ["fault"]

    async def note(self, psa: Psa, connector: Connector) -> tuple[Ref, AddNote, str]:
        """A ticket, and a note for it that was not written yet; the connector has looked around before."""
        await connector.directory()
        marker = new_marker()
        number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It prints blank pages."}]})
        wish = AddNote(body=signed("Recap: waiting on us.\nNext: call Anna.", "summarize", marker), because="a test")
        return _ref(number), wish, marker


def _ref(number: int | str) -> Ref:
    return Ref(connection="main", remote_id=str(number))


async def _technician(connector: Connector) -> str:
    people = (await connector.directory()).technicians
    return next(one.identifier for one in people if one.active and not one.is_api)


async def _walk(connector: Connector, since: str) -> list[Ticket]:
    return [ticket async for page in connector.changes(since) for ticket in page.tickets]


async def _last_cursor(connector: Connector, since: str) -> str:
    return [page.cursor async for page in connector.changes(since)][-1]


def _ours(psa: Psa, ref: Ref, marker: str) -> list[Mapping[str, Any]]:
    return [note for note in psa.notes(_number(psa, ref)) if marker in str(note["text"])]


def _say(psa: Psa, ref: Ref, message: Mapping[str, object]) -> None:
    psa.inject(_number(psa, ref), message)


def _number(psa: Psa, ref: Ref) -> Any:
    """A ticket's number as its PSA takes it: a sandbox's are all whole numbers."""
    return int(ref.remote_id) if isinstance(psa, Sandbox) else ref.remote_id


def _other(field: Field, ticket: Ticket, directory: Directory) -> str:
    """Another value for a field, one that exists."""
    now = ticket.field(field)
    if field is Field.TITLE:
        return f"{now}, again"
    if field is Field.STATUS:
        [board] = [board for board in directory.boards if board.name == ticket.board]
        return next(status.name for status in board.statuses if status.name != now and not status.is_closed)
    if field is Field.CATEGORY:
        [board] = [board for board in directory.boards if board.name == ticket.board]
        return max((path for path in board.categories if path != now), key=lambda path: path.count("/"))
    if field is Field.ASSIGNEE:
        return next(one.identifier for one in directory.technicians if one.active and one.identifier != now)
    named = directory.boards if field is Field.BOARD else directory.priorities
    return next(one.name for one in named if one.name != now)
