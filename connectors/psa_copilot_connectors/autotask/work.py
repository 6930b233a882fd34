"""Time of ours on Autotask tickets: billed to nobody, in nobody else's name, and told again by its marker."""

from __future__ import annotations

from datetime import timedelta

from psa_copilot import LogTime, Moment, NotFound, NotReady, Receipt, Ref, Rejected, marker_of
from psa_copilot_connectors.autotask.roster import Roster
from psa_copilot_connectors.autotask.rows import Row, number, stamp, text, where
from psa_copilot_connectors.autotask.settings import AutotaskSettings
from psa_copilot_connectors.autotask.site import Site

TIME = "TimeEntries"
ON_TICKET, GENERAL_WORK = 2, 1
"""The type of a time entry, and the use of a billing code that is a work type."""
LONGEST = 8_000
MINUTE = timedelta(minutes=1)
UNSEEN = (
    "no time entry that is not billable is shown to us, so nobody can tell whether ours was made, and it is not sent "
    "again; allow `Can view non-billable time entries` in the security level"
)


class Work:
    """Logs time."""

    def __init__(self, site: Site, roster: Roster, settings: AutotaskSettings) -> None:
        self._site, self._roster, self._settings = site, roster, settings
        self._work_types: dict[str, int] | None = None
        self._sees_ours = False

    async def log_time(self, ref: Ref, action: LogTime, marker: str, now: Moment) -> Receipt:
        """A time entry of ours, ending now."""
        doing = f"log time on ticket {ref.remote_id}"
        body = await self._entry(ref, action, marker, now, doing)
        made = await self._site.post(f"/{TIME}", body, doing=doing)
        await self._check_entry(made, body, doing)
        return Receipt(remote_id=str(made))

    async def find_time(self, ref: Ref, marker: str) -> Receipt | None:
        """Our time entry by its marker; refused where it could be there without our seeing it."""
        doing = f"look for our time on ticket {ref.remote_id}"
        who, _ = await self._ourselves(doing)
        mine = (where("ticketID", "eq", int(ref.remote_id)), where("resourceID", "eq", who))
        for row in await self._site.all(TIME, *mine, doing=doing):
            if marker_of(text(row, "internalNotes")) == marker:
                return Receipt(remote_id=str(row["id"]))
        if not await self.sees_ours():
            raise Rejected(self._site.connection, doing, UNSEEN)
        return None

    async def sees_ours(self) -> bool:
        """Whether entries like ours are shown to us, as far as there are any: a security level may hide them."""
        if not self._sees_ours:
            asked = [where("isNonBillable", "eq", True)]
            self._sees_ours = await self._site.count(TIME, asked, doing="look for time that is not billable") > 0
        return self._sees_ours

    def forget(self) -> None:
        """Look again at the work types, of which desks add some, and at what we are shown."""
        self._work_types, self._sees_ours = None, False

    async def _entry(self, ref: Ref, action: LogTime, marker: str, now: Moment, doing: str) -> Row:
        """What the customer may see of it says nothing; the words stand in the internal notes."""
        who, role = await self._ourselves(doing)
        starts, ends = _times(now, action.minutes)
        notes = with_marker(action.body, marker)
        if len(notes) > LONGEST:
            says = f"its notes have {len(notes)} characters, and Autotask takes {LONGEST}"
            raise Rejected(self._site.connection, doing, says)
        body: Row = {
            "ticketID": int(ref.remote_id),
            "timeEntryType": ON_TICKET,
            "resourceID": who,
            "roleID": role,
            "dateWorked": stamp(starts),
            "startDateTime": stamp(starts),
            "endDateTime": stamp(ends),
            "hoursWorked": round(action.minutes / 60, 4),
            "summaryNotes": self._settings.time_summary,
            "internalNotes": notes,
            "isNonBillable": True,
            "showOnInvoice": False,
            "isInternalNotesVisibleToComanaged": False,
        }
        if self._settings.work_type:
            body["billingCodeID"] = await self._work_type(self._settings.work_type, doing)
        return body

    async def _ourselves(self, doing: str) -> tuple[int, int]:
        """Whose name time is logged in, and in which role: ours, and never a technician's."""
        known = await self._roster.at_hand()
        setting = f"connections.{self._site.connection}.resource"
        if known.ourselves is None:
            raise Rejected(self._site.connection, doing, f"nobody tells who we are; name our resource in {setting}")
        role = known.roles.get(known.ourselves)
        if role is None:
            why = "our API user holds no service desk role, without which no time can be logged; give it one"
            raise Rejected(self._site.connection, doing, why)
        return known.ourselves, role

    async def _work_type(self, name: str, doing: str) -> int:
        if self._work_types is None:
            active = (where("useType", "eq", GENERAL_WORK), where("isActive", "eq", True))
            rows = await self._site.all("BillingCodes", *active, fields=("id", "name"), doing="list work types")
            self._work_types = {text(row, "name"): int(row["id"]) for row in rows}
        if name not in self._work_types:
            known = ", ".join(sorted(self._work_types))
            raise Rejected(self._site.connection, doing, f"there is no work type {name!r}; there are {known}")
        return self._work_types[name]

    async def _check_entry(self, made: int, body: Row, doing: str) -> None:
        """Not billable and ours, whatever rules the desk has; otherwise somebody has to hear of it."""
        try:
            row = await self._site.item(f"/{TIME}/{made}", doing=doing)
        except NotFound:
            return  # it was made; another server does not know it yet, or it is hidden from us
        except NotReady as exc:
            raise NotReady(exc.connection, exc.doing, exc.why, maybe_done=True) from exc
        bills = row.get("isNonBillable") is not True or (row.get("hoursToBill") or 0) > 0
        if bills or number(row, "resourceID") != body["resourceID"]:
            kept = "billable" if bills else f"in the name of resource {row.get('resourceID')}"
            why = f"the PSA said yes and made entry {made} {kept}; take it away there"
            raise Rejected(self._site.connection, doing, why)


def _times(now: Moment, minutes: int) -> tuple[Moment, Moment]:
    """The minutes until now; on one day of UTC where they fit, since many databases refuse others."""
    ends = now.replace(microsecond=0)
    starts = ends - timedelta(minutes=minutes)
    last = ends.replace(hour=0, minute=0, second=0) - MINUTE
    fits = (last - timedelta(minutes=minutes)).date() == last.date()
    return (last - timedelta(minutes=minutes), last) if starts.date() != ends.date() and fits else (starts, ends)


def with_marker(body: str, marker: str) -> str:
    """The text with our marker at its end, where `find_time` looks for it."""
    return body if marker_of(body) == marker else f"{body.rstrip()}\n-- copilot/time {marker}"
