"""A plugin that doubts: what it would rather not is on record only, what it alone must not decide asks first."""

from psa_copilot import Action, Change, Setting, Thread, Tools
from psa_copilot.config import EnabledPlugin
from psa_copilot.testing import SetField
from tests.story.conftest import Hire
from tests.story.desk import CRITICAL, MEDIUM, Desk


class Doubtful(SetField):
    """Sets the priority, and says how little it trusts itself."""

    class Settings(SetField.Settings):
        doubt: dict[str, object] = Setting(default_factory=dict, description="What it says besides.")

    settings: Settings

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        return [wish.model_copy(update=self.settings.doubt) for wish in await super().run(change, thread, tools)]


def doubtful(**doubt: object) -> EnabledPlugin:
    settings = {"field": "priority", "to": CRITICAL, "when_text": "down", "named": [CRITICAL], "sla": "may_change"}
    return EnabledPlugin(
        "doubtful", Doubtful, Doubtful.Settings.model_validate({**settings, "mode": "act", "doubt": doubt})
    )


async def test_what_a_plugin_would_rather_not_is_on_record_and_no_more(copilot: Hire, psa: Desk) -> None:
    one = await copilot(doubtful(abstains="nobody has ever seen such a ticket", confidence=0.99))
    ticket = psa.ticket("Everything is down.")
    await one.settle()

    [decision] = one.ledger(ticket)
    assert decision.verdict == "dropped"
    assert decision.reason == "abstains: nobody has ever seen such a ticket"
    assert psa.writes(ticket) == []


async def test_what_only_a_suggestion_may_be_asks_in_a_plugin_that_acts(copilot: Hire, psa: Desk) -> None:
    one = await copilot(doubtful(suggest_only=True))
    ticket = psa.ticket("Everything is down.")
    await one.settle()

    [decision] = one.ledger(ticket)
    assert decision.verdict == "suggested"
    assert psa.value(ticket, "priority") == MEDIUM
    [note] = psa.ours(ticket)
    assert f"{MEDIUM} → {CRITICAL}, code {decision.code}" in note["text"]

    psa.types_internally(ticket, f"copilot approve {decision.code}")
    await one.settle()
    assert psa.value(ticket, "priority") == CRITICAL


async def test_a_doubtful_wish_below_its_bar_is_not_even_suggested(copilot: Hire, psa: Desk) -> None:
    one = await copilot(doubtful(suggest_only=True, confidence=0.5))
    ticket = psa.ticket("Everything is down.")
    await one.settle()

    [decision] = one.ledger(ticket)
    assert (decision.verdict, decision.reason) == ("dropped", "abstains: confidence 0.50 is below 0.85")
