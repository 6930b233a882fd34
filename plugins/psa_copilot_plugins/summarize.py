"""Summarize: a technician who opens a long ticket reads where it stands before anything else."""

from psa_copilot import Action, AddNote, Change, EventKind, Message, Plugin, PluginSettings, Setting, Thread, Tools


class Summarize(Plugin):
    """Keeps an internal recap of each thread that is long enough to be worth one."""

    name = "summarize"
    on = frozenset({EventKind.MESSAGE_ADDED})

    class Settings(PluginSettings):
        after_messages: int = Setting(4, ge=1, description="A recap is worth it from so many messages of people on.")
        after_characters: int = Setting(1000, ge=1, description="... or from so many characters in them.")

    settings: Settings

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        if not (self._is_long(thread) and self._has_news(change, thread, tools)):
            return []
        recap = tools.text.recap(thread)
        if recap == tools.past.last_note():
            return []
        cited = tools.text.cited(recap, thread)
        return [AddNote(body=recap, living=True, because=self._because(thread), evidence=cited)]

    def _is_long(self, thread: Thread) -> bool:
        spoken = thread.spoken()
        characters = sum(len(message.text) for message in spoken)
        return len(spoken) >= self.settings.after_messages or characters >= self.settings.after_characters

    def _has_news(self, change: Change, thread: Thread, tools: Tools) -> bool:
        """Whether anything that came is more than thanks, a receipt, an auto-reply or a bounce."""
        return any(not tools.text.quiet(message, thread) for message in _added(change, thread))

    def _because(self, thread: Thread) -> str:
        spoken = thread.spoken()
        characters = sum(len(message.text) for message in spoken)
        return f"{len(spoken)} messages, {characters} characters; {spoken[-1].by} wrote last"


def _added(change: Change, thread: Thread) -> tuple[Message, ...]:
    """What people said that this change is about; asked without any event, the last thing said."""
    keys = {(event.ticket, event.message) for event in change.events if event.kind is EventKind.MESSAGE_ADDED}
    spoken = thread.spoken()
    return tuple(message for message in spoken if (message.ticket, message.key) in keys) if keys else spoken[-1:]
