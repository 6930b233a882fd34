"""The plugin itself: when it looks at a ticket, and what it wishes for."""

from __future__ import annotations

from collections.abc import Sequence

from psa_copilot import (
    Action,
    Change,
    EventKind,
    Meaning,
    Notebook,
    Outcome,
    Plugin,
    Text,
    Thread,
    Tools,
)
from psa_copilot_plugins.route import board
from psa_copilot_plugins.route.settings import RouteSettings

DONE = (Meaning.RESOLVED, Meaning.CLOSED)


class Route(Plugin):
    """Sends a new ticket to the board that this desk would have chosen, and says why."""

    name = "route"
    on = frozenset({EventKind.TICKET_OPENED, EventKind.MESSAGE_ADDED, EventKind.FIELD_CHANGED})
    wishes = frozenset({"change_field board"})
    Settings = RouteSettings

    settings: RouteSettings

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        ticket, standing = thread.ticket, tools.standing
        if ticket.is_closed or ticket.meaning in DONE or standing.confidential or not thread.spoken():
            return []
        return await self._board(thread, tools)

    async def _board(self, thread: Thread, tools: Tools) -> list[Action]:
        if not self.settings.move or tools.standing.technician_at or thread.ticket.board in self.settings.locked:
            return []
        best = await board.choose(thread, tools, self.settings)
        return [board.wish(best, thread)] if best and best.value != thread.ticket.board else []

    def learn(self, outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> None:
        notebook.keep_rules(board.learn(outcomes, notebook, text))
