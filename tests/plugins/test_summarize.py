"""Summarize: one internal recap on a thread worth one, silence else."""

from collections.abc import Sequence

import pytest

from psa_copilot import ActorClass, AddNote, Change, Event, EventKind, Message, Source, Thread
from tests.core.talk import message, thread
from tests.plugins.summaries import run, tools_for

TALK = (
    "C: Tray 2 prints blank pages since Thursday, and we have letters to send.",
    "T: I reinstalled the driver, no change. Does tray 1 work?",
    "C: Yes, tray 1 works.",
    "T: Then I will order a new sensor.",
)


def added(*messages: Message) -> Change:
    events = tuple(
        Event(
            kind=EventKind.MESSAGE_ADDED,
            ticket=each.ticket,
            message=each.key,
            happened_at=each.sent_at,
            seen_at=each.sent_at,
            source=Source.POLL,
        )
        for each in messages
    )
    return Change(thread_id="main/1", revision=1, events=events, key="rev:1")


async def wishes(talk: Thread, news: Sequence[Message] | None = None, note: str | None = None) -> list[AddNote]:
    change = added(*(talk.messages[-1:] if news is None else news))
    return await run(change, talk, tools_for(talk, note=note))


async def test_a_long_thread_gets_one_living_recap() -> None:
    [note] = await wishes(thread(*TALK))
    assert note.body.startswith("Recap: (extract) ")
    assert note.living
    assert note.because == "4 messages, 173 characters; technician wrote last"
    assert "m1" in note.evidence
    assert not note.customer_visible


async def test_a_short_thread_is_left_alone() -> None:
    assert await wishes(thread(*TALK[:3])) == []


async def test_a_short_thread_with_much_in_it_gets_one() -> None:
    assert await wishes(thread("C: " + "The scanner stops after page three. " * 30))


async def test_what_systems_and_we_say_makes_no_thread_long() -> None:
    assert await wishes(thread(*TALK[:3], "S: Status changed", "O: Recap: nothing", "S: " + "log " * 500)) == []


@pytest.mark.parametrize("last", ["C: Thanks, Milo!", "T: You're welcome.", "C: ok", "C: Automatic reply: I am away."])
async def test_courtesy_and_machines_cause_no_recap(last: str) -> None:
    assert await wishes(thread(*TALK, last)) == []


async def test_thanks_that_came_together_with_a_question_do_not_hide_it() -> None:
    talk = thread(*TALK, "C: When will it arrive?", "C: Thanks!")
    assert await wishes(talk, news=talk.messages[-2:])
    assert await wishes(talk, news=talk.messages[-1:]) == []


async def test_system_messages_alone_are_no_news() -> None:
    assert await wishes(thread(*TALK, "S: Status changed to Waiting")) == []


async def test_nothing_new_to_say_is_not_said_again() -> None:
    [note] = await wishes(thread(*TALK))
    assert await wishes(thread(*TALK), note=note.body) == []


async def test_asked_without_any_news_it_looks_at_the_last_word() -> None:
    assert await wishes(thread(*TALK), news=[])
    assert await wishes(thread(*TALK, "C: Thank you."), news=[]) == []


async def test_a_message_that_is_gone_again_is_no_news() -> None:
    gone = message("C: Sorry, wrong ticket", 99, by=ActorClass.CUSTOMER)
    assert await wishes(thread(*TALK), news=[gone]) == []


async def test_another_client_is_not_named_though_the_thread_does() -> None:
    talk = thread(*TALK, "N: Fabrikam has the same trouble with this sensor. We replaced theirs.")
    change = added(talk.messages[-1])
    assert "Fabrikam" in (await run(change, talk, tools_for(talk)))[0].body
    [note] = await run(change, talk, tools_for(talk, clients=["Fabrikam Ltd."]))
    assert "Fabrikam" not in note.body
    assert "Tray 2 prints blank pages" in note.body
