"""Makes the trials of a canary: one kind of write after the other on a test ticket, each looked at, then a long wait.

Each step is committed before and after it is taken, so that a killed trial goes on where it was. What a rule sets off
late may fall into the look at another kind. So whoever was written before a finding is tried once more, without the one
that was found out, before it counts as clean.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from psa_copilot.actions import Action, AddNote, Book, ChangeField, EditNote, LinkTo, LogTime, Receipt, action_from
from psa_copilot.engine import traces
from psa_copilot.engine.canary import KINDS, NAME, QUIET
from psa_copilot.engine.commands import paused
from psa_copilot.engine.control import ControlTicket
from psa_copilot.engine.harmless import NothingHarmless, OurNote, back, harmless, plan, withdrawal
from psa_copilot.engine.lines import Line
from psa_copilot.engine.traces import Looked, differences, is_sla
from psa_copilot.errors import CopilotError, RateLimited, Rejected, Unsupported
from psa_copilot.markers import new_marker
from psa_copilot.models import Field, Ref, Ticket
from psa_copilot.store import CanaryRow, DecisionRow, Store, Transaction

PLANNED, SENDING, OVER = "planned", "sending", "over"
LAST_WORD = "last word"  # whose it was, which a note to the customer changes by its nature
LOOK_EVERY = 0.2  # real seconds between two looks at the clock
PATIENCE = 5  # times that a 429 is waited out before the trial is left for another call
LIFE = timedelta(hours=1)

Tell = Callable[[str], None]
T = TypeVar("T")


@dataclass
class Experiment:
    """All trials on one ticket."""

    line: Line
    store: Store
    ref: Ref
    wait: timedelta
    tell: Tell
    may_move_sla: Collection[str] = ()
    """Kinds whose plugins may all move the SLA: while the value stands, it may stand elsewhere."""
    parent: str = ""
    _control: ControlTicket = field(init=False)

    def __post_init__(self) -> None:
        self._control = ControlTicket(self.line)

    def plan(self, kinds: Sequence[str], fingerprint: str, plans: Mapping[str, str]) -> None:
        """These are to be tried: from now on each has its row."""
        now = self.line.clock.now()
        with self.store.transaction() as tx:
            for kind in kinds:
                tx.ledger.keep_canary(
                    CanaryRow(
                        connection=self.line.name,
                        kind=kind,
                        ticket=self.ref.remote_id,
                        plan=plans[kind],
                        fingerprint=fingerprint,
                        state="waiting",
                        before={"stage": PLANNED},
                        at=now,
                    )
                )

    async def run(self) -> None:
        """Go on until nothing is left to do but to ask a human about the mailbox."""
        while any(row.before["stage"] != QUIET for row in self.waiting()):
            for row in self.waiting():
                if row.before["stage"] in (PLANNED, SENDING):
                    await self._try(row)
            await self._withdraw_notes()
            await self._wait_out()

    def waiting(self) -> list[CanaryRow]:
        """Trials on this ticket that are not over, in their order."""
        with self.store.reading() as tx:
            rows = tx.ledger.canaries(self.line.name, waiting_on=self.ref.remote_id)
        return sorted(rows, key=lambda row: KINDS.index(row.kind))

    def end(self, *, empty: bool) -> None:
        """A human has looked into the mailbox."""
        for row in self.waiting():
            if row.before["stage"] != QUIET:
                continue
            if empty:
                self._close(row, "clean")
            else:
                self._blame(row, ["a mail arrived in the mailbox of the ticket's contact"])

    # -- one kind --------------------------------------------------------------------------------------------

    async def _try(self, row: CanaryRow) -> None:
        """Write it, look, put it back, and look again."""
        try:
            await self._write_and_look(row)
        except (Rejected, Unsupported) as exc:
            # What the PSA says no to may be done in part.
            self._keep(row, end=await self._look(), ended=self.line.clock.now().isoformat())
            self._found(row, [f"the PSA refused it: {exc.why}"])
        except NothingHarmless as exc:
            self._found(row, [f"it could not be tried: {exc}"])

    async def _write_and_look(self, row: CanaryRow) -> None:
        if row.before["stage"] == PLANNED:
            await self._prepare(row)
        action, stood = action_from(row.before["action"]), row.before["stood"]
        receipt = await self._carried_out(row, action)
        there = await self._look()
        tolerated = row.kind in self.may_move_sla
        found = _others(stood, there, _mine(action, receipt), sla=not tolerated) | _not_kept(action, there)
        end, more = await self._put_back(row, action, stood, there)
        self._keep(row, end=end, ended=self.line.clock.now().isoformat())
        self._found(row, list((found | more).values()))

    async def _prepare(self, row: CanaryRow) -> None:
        """How it stands before, and what is to be written, on record before the request leaves."""
        stood, ticket = await self._look(), await self.line.connector.ticket(self.ref)
        self._late_ones(stood)
        marker, note = new_marker(), next(iter(self._our_notes()), None)
        if row.kind == "edit_note" and note is None:
            raise NothingHarmless("there is no note of ours to edit")
        action = harmless(row.kind, ticket, self.line, marker, note=note, parent=self.parent)
        row.plan = plan(action)
        self.tell(f"{row.kind}: {row.plan}")
        was, began = ticket.model_dump(mode="json"), self.line.clock.now().isoformat()
        self._keep(row, began=began, stood=stood, was=was, action=action.model_dump(mode="json"), marker=marker)

    def _over(self) -> list[CanaryRow]:
        """Kinds that were written and looked at, and wait; the last one first."""
        over = [row for row in self.waiting() if row.before["stage"] == OVER]
        return sorted(over, key=lambda row: row.before["ended"], reverse=True)

    def _late_ones(self, stood: Looked) -> None:
        """What became different since the last look is the late effect of one of the kinds before.

        After a kind that was found out it may be that one's; the others before it are tried once more anyway.
        """
        over = self._over()
        with self.store.reading() as tx:
            mine = [row for row in tx.ledger.canaries(self.line.name) if row.ticket == self.ref.remote_id]
        seen = [row for row in mine if "ended" in row.before]
        last = max(seen, key=lambda row: str(row.before["ended"]), default=None)
        if last is None or last.kind not in {row.kind for row in over}:
            return
        late = list(differences(last.before["end"], stood).values())
        for row in over if late else ():
            self._blame(row, [f"later: {what}" for what in late])

    async def _carried_out(self, row: CanaryRow, action: Action) -> Receipt:
        """Send it; where it was sent before and nobody knows how that went, look for it first."""
        marker, receipt = row.before["marker"], None
        if row.before["stage"] == SENDING:
            await self._outlast(row.before["sent_at"])
            receipt = await self.line.connector.find(self.ref, action, marker)
        if receipt is None:
            await self._may_write()
            self._keep(row, stage=SENDING, sent_at=time.time(), write=None)
            receipt = await self._sent(action, marker)
        if row.before["write"] is None:
            undoes = self._write_of(action.note_id) if isinstance(action, EditNote) else None
            self._keep(row, write=self._record(action, marker, receipt, undoes=undoes))
        return receipt

    async def _put_back(
        self, row: CanaryRow, action: Action, stood: Looked, there: Looked
    ) -> tuple[Looked, dict[str, str]]:
        """A field gets its former value, by the same kind of write; what that sets off counts as well."""
        before = Ticket.model_validate(row.before["was"])
        way_back = back(action, await self.line.connector.ticket(self.ref), before)
        if way_back is None:
            return there, {}
        await self._may_write()
        marker = new_marker()
        receipt = await self._sent(way_back, marker)
        self._record(way_back, marker, receipt, undoes=row.before["write"])
        end = await self._look()
        mine = _mine(way_back, receipt)
        moved = {key: line for key, line in differences(stood, end).items() if is_sla(key)}
        not_back = {key: line for key, line in differences(stood, end).items() if key in mine}
        return end, _others(there, end, mine, sla=False) | moved | not_back

    # -- notes -----------------------------------------------------------------------------------------------

    def _our_notes(self) -> list[OurNote]:
        """Notes of a canary on this ticket that stand as they were written, the last one first."""
        with self.store.reading() as tx:
            rows = tx.work.writes(ticket=(self.ref.connection, self.ref.remote_id), state="done")
        return [
            OurNote(str(row.receipt["remote_id"]), str(row.action["body"]), row.marker)
            for row in rows
            if row.plugin == NAME and row.action["kind"] == "add_note" and row.receipt
        ]

    def _write_of(self, note_id: str) -> int | None:
        with self.store.reading() as tx:
            rows = tx.work.writes(ticket=(self.ref.connection, self.ref.remote_id), state="done")
        ours = (row for row in rows if row.plugin == NAME and row.action["kind"] == "add_note")
        return next((row.id for row in ours if (row.receipt or {}).get("remote_id") == note_id), None)

    async def _withdraw_notes(self) -> None:
        """Notes are withdrawn by edits, so only where those are known to set off nothing."""
        with self.store.reading() as tx:
            edits = tx.ledger.canary(self.line.name, "edit_note")
        for note in self._our_notes():
            if edits is None or edits.state == "refused":
                return
            await self._withdraw(note, edits)

    async def _withdraw(self, note: OurNote, edits: CanaryRow) -> None:
        before = await self._look()
        self._late_ones(before)
        await self._may_write()
        action, marker = withdrawal(note), new_marker()
        receipt = await self._sent(action, marker)
        self._record(action, marker, receipt, undoes=self._write_of(note.note_id))
        end = await self._look()
        for row in self._over():
            self._keep(row, end=end, ended=self.line.clock.now().isoformat())
        found = list(_others(before, end, _mine(action, receipt), sla=True).values())
        if found:
            self._found(edits, found)
            edits.state = "refused"

    # -- the wait --------------------------------------------------------------------------------------------

    async def _wait_out(self) -> None:
        """Look again when rules that run every few minutes have had their time."""
        rows = self._over()
        if any("settled" not in row.before for row in rows):
            settled, now = await self._look(), self.line.clock.now()
            self._late_ones(settled)
            rows = self._over()
            for row in rows:
                self._keep(row, settled=settled, settled_at=now.isoformat())
        if not rows:
            return
        begun = max(datetime.fromisoformat(row.before["settled_at"]) for row in rows)
        await self._until(begun + self.wait)
        late = list(differences(rows[0].before["settled"], await self._look()).values())
        for row in rows:
            if row.before.get("doubtful"):
                self._again(row)
            elif late:
                self._blame(row, [f"later: {what}" for what in late])
            else:
                self._keep(row, stage=QUIET)

    async def _until(self, moment: datetime) -> None:
        clock = self.line.clock
        if clock.now() < moment:
            self.tell(f"waiting until {moment:%H:%M:%S} UTC for what the PSA does later; leave the ticket alone")
        while clock.now() < moment:
            if clock.followed:
                await clock.look_once(clock.followed)
            await asyncio.sleep(LOOK_EVERY)

    def _again(self, row: CanaryRow) -> None:
        """Something was found after it, which may have been its late effect: once more, without the other."""
        self.tell(f"{row.kind} is tried once more: what was found after it may have been its own")
        with self.store.transaction() as tx:
            fresh = _fresh(tx, row)
            fresh.before, fresh.at = {"stage": PLANNED}, self.line.clock.now()

    # -- what was found --------------------------------------------------------------------------------------

    def _found(self, row: CanaryRow, lines: Sequence[str]) -> None:
        """A kind was looked at: it goes on to the wait, or it is found out, which leaves the ones before in doubt."""
        if not lines:
            self._keep(row, stage=OVER)
            return
        self._blame(row, lines)
        for other in self.waiting():
            if other.before["stage"] == OVER and other.kind != row.kind:
                self._keep(other, doubtful=True)

    def _blame(self, row: CanaryRow, lines: Sequence[str]) -> None:
        with self.store.transaction() as tx:
            fresh = _fresh(tx, row)
            fresh.found = list(dict.fromkeys((*fresh.found, *lines)))
        self._close(row, "refused")
        for line in lines:
            self.tell(f"after {row.kind}: {line}")

    def _close(self, row: CanaryRow, state: str) -> None:
        with self.store.transaction() as tx:
            fresh = _fresh(tx, row)
            fresh.state, fresh.done_at = state, self.line.clock.now()
            row.state = state

    def _keep(self, row: CanaryRow, **more: Any) -> None:
        """What is known of a trial by now."""
        with self.store.transaction() as tx:
            fresh = _fresh(tx, row)
            fresh.before, fresh.plan = {**row.before, **more}, row.plan
            row.before = fresh.before

    # -- the PSA ---------------------------------------------------------------------------------------------

    async def _look(self) -> Looked:
        return await self._patiently(lambda: traces.look(self.line, self.ref))

    async def _sent(self, action: Action, marker: str) -> Receipt:
        return await self._patiently(lambda: self.line.connector.apply(self.ref, action, marker))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Whatever the PSA says, told to wait it out."""
        for _ in range(PATIENCE):
            try:
                return await ask()
            except RateLimited as exc:
                await self.line.clock.sleep_until(exc.retry_after)
        return await ask()

    async def _may_write(self) -> None:
        """A pause and the control ticket hold for canaries as for everybody."""
        with self.store.reading() as tx:
            why = paused(tx, self.line.name)
        why = f"paused: {why}" if why else await self._control.why()
        if why:
            raise CopilotError(f"nothing may be written to {self.line.name} now: {why}")

    async def _outlast(self, sent_at: float) -> None:
        """Wait until a lost request can have no late effect any more; requests run in real time."""
        span = self.line.settings.request_timeout + self.line.settings.write_grace
        await asyncio.sleep(max(0.0, sent_at + span.total_seconds() - time.time()))

    def _record(self, action: Action, marker: str, receipt: Receipt, undoes: int | None = None) -> int:
        """The ledger has every write of ours, a canary's too; the outbox has it as done."""
        now = self.line.clock.now()
        with self.store.transaction() as tx:
            thread = tx.mirror.thread_of(self.ref)
            decision = DecisionRow(
                at=now,
                connection=self.ref.connection,
                thread_id=thread.id if thread else str(self.ref),
                ticket=self.ref.remote_id,
                plugin=NAME,
                wish=action.model_dump(mode="json"),
                verdict="written",
                because=action.because,
            )
            tx.ledger.add(decision)
            number = tx.work.promise(decision, NAME, action, marker, now, LIFE, undoes=undoes)
            write, undone = tx.work.write(number), tx.work.write(undoes or 0)
            if write is not None:
                write.state, write.receipt, write.done_at = "done", receipt.model_dump(mode="json"), now
            if undone is not None:
                undone.state = "undone"
        return number


def _fresh(tx: Transaction, row: CanaryRow) -> CanaryRow:
    found = tx.ledger.canary(row.connection, row.kind)
    if found is None:
        raise CopilotError(f"the canary for {row.kind} was forgotten meanwhile")
    return found


def _mine(action: Action, receipt: Receipt) -> frozenset[str]:
    """What a write asked for: where else something becomes different, somebody else was at work."""
    match action:
        case AddNote() | EditNote():
            note = f"note {receipt.remote_id}"
            return frozenset({note, LAST_WORD} if action.customer_visible else {note})
        case ChangeField(field=Field.BOARD):
            return frozenset({f"field {one}" for one in (Field.BOARD, Field.STATUS, Field.CATEGORY, "team")})
        case ChangeField(field=name):
            return frozenset({f"field {name}"})
        case LogTime():
            return frozenset({f"time entry {receipt.remote_id}"})
        case Book():
            return frozenset({f"appointment {receipt.remote_id}"})
        case LinkTo():
            return frozenset({"field parent"})
        case _:
            return frozenset()


def _others(before: Looked, after: Looked, mine: Collection[str], *, sla: bool) -> dict[str, str]:
    """What became different besides; without `sla`, targets are left out."""
    found = differences(before, after)
    return {key: line for key, line in found.items() if key not in mine and (sla or not is_sla(key))}


def _not_kept(action: Action, there: Looked) -> dict[str, str]:
    """A value that did not stay was taken back by a rule."""
    if not isinstance(action, ChangeField) or there.get(f"field {action.field}", "") == action.to:
        return {}
    now = there.get(f"field {action.field}", "")
    return {f"field {action.field}": f"field {action.field} did not stay {action.to!r}: it is {now!r}"}
