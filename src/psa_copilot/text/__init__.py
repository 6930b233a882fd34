"""The no-model toolkit: what a text says without asking anybody."""

from datetime import UTC, datetime, tzinfo

from psa_copilot.models import Message, Thread
from psa_copilot.text import away, extract, noise
from psa_copilot.text.automatic import automatic


class Text:
    """What plugins can do with text, with no model at all."""

    def quiet(self, message: Message, thread: Thread) -> str:
        """Why a message is no activity: `thanks`, `receipt`, `auto-reply`, `bounce`; empty when it is one."""
        return noise.quiet(message, thread)

    def back_from(self, message: Message, zone: tzinfo = UTC) -> datetime | None:
        """From when its sender is back, as an automatic reply states it; None for any other message."""
        is_reply = automatic(message) == "auto-reply"
        return away.back_from(message.text, message.sent_at, zone) if is_reply else None

    def recap(self, thread: Thread) -> str:
        """What the thread says about itself: its own sentences in the shape of a note, without the marker line."""
        return extract.recap(thread).text()

    def cited(self, note: str, thread: Thread) -> tuple[str, ...]:
        """Keys of the messages that a note of ours cites as `[#n]`."""
        return extract.cited(note, thread)
