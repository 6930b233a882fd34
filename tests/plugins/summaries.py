"""What a run of Summarize needs around it, for tests: its past, the mirror, a model that answers as told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from psa_copilot import (
    ActorClass,
    AddNote,
    Change,
    Event,
    EventKind,
    Field,
    Llm,
    Meaning,
    Ref,
    Similar,
    Source,
    Standing,
    Thread,
    Ticket,
    Tools,
)
from psa_copilot.llm import Call
from psa_copilot.text import Text
from psa_copilot_plugins.summarize import Summarize
from tests.core.talk import START, TICKET

T = TypeVar("T", bound=BaseModel)
STATUSES = {"New": Meaning.NEW, "Open": Meaning.IN_PROGRESS, "Done": Meaning.CLOSED, "Solved": Meaning.RESOLVED}


@dataclass(frozen=True)
class Remembered:
    """What was written on this thread before."""

    note: str | None = None
    notes: Mapping[str, list[str]] = field(default_factory=dict)

    def last_note(self) -> str | None:
        return self.note

    def verdicts(self) -> list[tuple[str, str]]:
        return []

    def asked(self, field: Field) -> list[tuple[str, str]]:
        return []

    def noted(self, purpose: str) -> list[str]:
        return self.notes.get(purpose, [])


@dataclass(frozen=True)
class Mirrored:
    """A mirror with these other tickets of the contact."""

    others: Sequence[Ticket] = ()
    clients: Sequence[str] = ()

    def get(self, ref: object) -> None:
        return None

    def recent_of_contact(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        return list(self.others)

    def recent_of_company(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        return []

    def other_clients(self, ticket: Ticket) -> list[str]:
        return list(self.clients)

    def similar(self, thread: Thread, most: int = 10, *, resolved: bool = False, own: bool = False) -> list[Similar]:
        return []

    def thread(self, ref: Ref) -> Thread | None:
        return None

    def meaning(self, board: str, status: str) -> Meaning | None:
        return STATUSES.get(status)


class Told(Llm):
    """A model that gives one answer to every question, if it fits; keeps what it was asked."""

    def __init__(self, answer: BaseModel | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._answer, self.asked = answer, list[tuple[str, str]]()

    async def ask(self, task: str, material: str, answer: type[T]) -> T | None:
        self.asked.append((task, material))
        if self._answer is None:
            return None
        self.spent.append(Call("openai/scripted-9"))
        data = self._answer.model_dump() if isinstance(self._answer, BaseModel) else self._answer
        return answer.model_validate(data)


def tools_for(
    talk: Thread,
    *,
    note: str | None = None,
    noted: Mapping[str, list[str]] | None = None,
    others: Sequence[Ticket] = (),
    llm: Llm | None = None,
    confidential: str = "",
    clients: Sequence[str] = (),
) -> Tools:
    return Tools(
        now=START + timedelta(days=1),
        past=Remembered(note, noted or {}),
        tickets=Mirrored(others, clients),
        text=Text(),
        llm=llm or Llm(),
        standing=Standing(talk.ticket, confidential=confidential),
    )


async def run(change: Change, talk: Thread, tools: Tools, **settings: Any) -> list[AddNote]:
    actions = await Summarize(Summarize.Settings.model_validate(settings)).run(change, talk, tools)
    return [action for action in actions if isinstance(action, AddNote)]


def moved(field: Field, before: str, after: str, *, by: ActorClass = ActorClass.TECHNICIAN) -> Change:
    """A field of the ticket changed."""
    event = Event(
        kind=EventKind.FIELD_CHANGED,
        ticket=TICKET,
        field=field,
        before=before,
        after=after,
        actor_class=by,
        happened_at=START,
        seen_at=START,
        source=Source.POLL,
    )
    return Change(thread_id="main/1", revision=1, events=(event,), key="rev:1")
