"""The no-model toolkit: what a text says without asking anybody."""

from psa_copilot.models import Message, Thread
from psa_copilot.text import extract, noise


class Text:
    """What plugins can do with text, with no model at all."""

    def quiet(self, message: Message, thread: Thread) -> str:
        """Why a message is no activity: `thanks`, `receipt`, `auto-reply`, `bounce`; empty when it is one."""
        return noise.quiet(message, thread)

    def recap(self, thread: Thread) -> str:
        """What the thread says about itself: its own sentences in the shape of a note, without the marker line."""
        return extract.recap(thread).text()

    def cited(self, note: str, thread: Thread) -> tuple[str, ...]:
        """Keys of the messages that a note of ours cites as `[#n]`."""
        return extract.cited(note, thread)
