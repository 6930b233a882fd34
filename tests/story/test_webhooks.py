"""Webhooks: ten of each, in any order, beside a poll; and those that nobody at the PSA has sent."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running
from tests.story.daemon import (
    LONG,
    Copilot,
    copilot_on,
    ids_of,
    invented,
    reads_of_notes,
    recaps,
    to_file,
    until,
    until_ready,
)
from tests.story.psas import AT_LENGTH, CHOSEN, PSAS, Asked, Callback, People, watched
from tests.story.psas.connectwise import signed

TIMES = 10
EACH = 25  # forgeries of one kind
LAST_WORDS = "Now it also beeps three times; reception wants a call before four."
LAST_TITLE = "Printer on floor two: red lamp, three beeps"


def callbacks(psa: Sandbox, after: int = 0) -> list[Callback]:
    """What the PSA sent or lost on the way, signed as it was."""
    return [Callback(row["body"].encode(), row["headers"]) for row in psa.callbacks()[after:]]


async def post(copilot: Copilot, callback: Callback) -> int:
    """Deliver it; the status of the answer."""
    answer = await copilot.http.post("/webhooks/main", content=callback.body, headers=callback.headers)
    return answer.status_code


def polls(asked: list[Asked]) -> int:
    """How often changed tickets were asked for."""
    return sum(map(CHOSEN.asks_for_changes, asked))


def reads_before_writes(asked: list[Asked], ticket: int) -> int:
    """Reads of the notes that belong to a look right before a write; they are not owed to a revision."""
    found, looked, read = 0, False, False
    for one in asked:
        if one.ticket != ticket or one.key != CHOSEN.key:
            continue
        looked = looked or CHOSEN.reads_ticket(one)
        read = looked and (read or CHOSEN.reads_notes(one))
        if one.writes:
            found, looked, read = found + read, False, False
    return found


def told_of(asked: list[Asked], ticket: int) -> str:
    """The requests that concern a ticket, to be shown with a failure."""
    return "\n".join(f"{one.method} {one.path}" for one in asked if one.ticket == ticket)


async def start_of_a_second(psa: Sandbox) -> None:
    """Two deeds right after this fall into one second of the PSA."""
    await until(lambda: psa.now().microsecond < 150_000, 5, "a second begins", every=0.02)


async def revise_three_times(psa: Sandbox, people: People, ticket: int) -> None:
    """A message and another title in one second, a message in the next."""
    await start_of_a_second(psa)
    second = psa.now().replace(microsecond=0)
    psa.inject(ticket, {"role": "customer", "text": "It failed again at nine."})
    people.sets(ticket, "title", LAST_TITLE)
    assert psa.now().replace(microsecond=0) == second, "two revisions within one second"
    await until(lambda: psa.now().replace(microsecond=0) > second, 3, "the second is over", every=0.02)
    psa.inject(ticket, {"role": "customer", "text": LAST_WORDS})


async def deliver_shuffled(asked: list[Asked], copilot: Copilot, told: list[Callback], seed: int) -> set[int]:
    """Each ten times in a random order, spread so that a poll falls into the middle of it."""
    deliveries = told * TIMES
    random.Random(seed).shuffle(deliveries)
    before, answers = polls(asked), set()
    half = len(deliveries) // 2
    for callback in deliveries[:half]:
        answers.add(await post(copilot, callback))
    await until(lambda: polls(asked) > before, 10, "a poll", every=0.01)
    answers |= set(await asyncio.gather(*(post(copilot, callback) for callback in deliveries[half:])))
    return answers


@pytest.mark.parametrize("seed", range(1, 11 if LONG else 3 if AT_LENGTH else 2))
async def test_three_revisions_ten_times_each_in_any_order_make_one_recap(tmp_path: Path, seed: int) -> None:
    tickets, asked = to_file(tmp_path, invented(3, seed)), list[Asked]()
    with (
        running(watched(CHOSEN, asked), tickets=tickets, switches=CHOSEN.limits_off) as psa,
        closing(CHOSEN.people(psa.url)) as people,
    ):
        async with copilot_on(psa, tmp_path, poll_every="2s") as copilot:
            await until_ready(copilot)
            ticket = ids_of(psa)[0]
            await until(lambda: copilot.has_read(ticket), 30, "the background has read the ticket")
            psa.faults("callback_lost=1")
            polled = polls(asked)
            await until(lambda: polls(asked) > polled, 10, "a poll", every=0.01)
            began, heard = len(asked), len(psa.callbacks())
            await revise_three_times(psa, people, ticket)
            told = callbacks(psa, heard)
            assert len(told) >= 3
            psa.faults()
            assert await deliver_shuffled(asked, copilot, told, seed) == {202}
            await until(lambda: recaps(psa)[ticket], 15, "the recap")
            await until(lambda: not copilot.open_work() and polls(asked[began:]) >= 3, 15, "all is done")

            rows = asked[began:]
            thread = copilot.thread(ticket)
            assert thread.ticket.title == LAST_TITLE
            assert LAST_WORDS in [message.text for message in thread.messages]
            reads, safety = reads_of_notes(rows, ticket), reads_before_writes(rows, ticket)
            ours = sum(one.writes and one.key == CHOSEN.key and one.ticket == ticket for one in rows)
            looked_after = 0 if CHOSEN.shows_tickets else len(told)  # a name alone tells nothing: somebody has to look
            # The title's stamp and our own note's are explained by no message: such a ticket is looked at twice more.
            doubted = 2 * (1 + ours) if CHOSEN.connector.shows_late else 0
            revisions = 3 + ours + looked_after + doubted
            print(f"seed {seed}: {reads - safety} reads of notes for {revisions} revisions, our own among them")  # noqa: T201 - figures to look at
            assert 1 <= reads - safety <= revisions, told_of(rows, ticket)
            assert recaps(psa) == {ticket: 1}


@dataclass
class Stranger:
    """Somebody else's server, which offers a signing key."""

    key: str = "an-invented-key-of-a-stranger"
    url: str = ""
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n")).decode())
        body = json.dumps({"signing_key": self.key}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def stranger() -> AsyncIterator[Stranger]:
    """Listens on a port of its own until the end of the block."""
    somebody = Stranger()
    async with await asyncio.start_server(somebody.serve, "127.0.0.1", 0) as server:
        somebody.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/signingkey"
        yield somebody


def by_a_foreign_key(genuine: Callback, somebody: Stranger) -> dict[str, Callback]:
    """Where webhooks name the place of their key: a place of somebody's own."""
    told = json.loads(genuine.body)
    if "Metadata" not in told:
        return {}
    return {"a key of a foreign host": signed(told | {"Metadata": {"key_url": somebody.url}}, somebody.key)}


async def test_what_the_psa_has_not_sent_is_refused_and_costs_it_nothing(tmp_path: Path) -> None:
    tickets = to_file(tmp_path, invented(3))
    with running(CHOSEN.sandbox, tickets=tickets, switches=CHOSEN.limits_off) as psa:
        async with stranger() as somebody, copilot_on(psa, tmp_path, poll_every="60s") as copilot:
            await until_ready(copilot)
            ticket = ids_of(psa)[0]
            psa.inject(ticket, {"role": "agent", "text": "I shall look at it in the afternoon."})
            await until(lambda: recaps(psa)[ticket], 15, "the recap by webhook alone")
            if CHOSEN.tells_us_of_ourselves:
                await until(lambda: len(psa.callbacks()) == 2, 10, "our own note was told of")
            await until(lambda: not copilot.untaken(), 10, "our own note came home")
            genuine, asked = callbacks(psa)[0], len(psa.log())
            bad = {**CHOSEN.forged(genuine), **by_a_foreign_key(genuine, somebody)}
            for kind, callback in bad.items():
                answers = await asyncio.gather(*(post(copilot, callback) for _ in range(EACH)))
                assert set(answers) == {401}, kind
            assert psa.log(asked) == []
            assert somebody.asked == []
            [warning] = copilot.said.all("webhooks_forged")
            assert warning["level"] == "warning"
            assert ticket in copilot.live_tickets()

            # The door is shut to forgeries, not to everybody.
            assert await post(copilot, genuine) == 202
            async with httpx.AsyncClient(trust_env=False) as http:
                assert (await http.get(somebody.url)).json() == {"signing_key": somebody.key}


async def test_before_any_key_is_known_a_storm_of_forgeries_costs_one_read(tmp_path: Path) -> None:
    if CHOSEN is not PSAS["connectwise"]:
        pytest.skip(f"{CHOSEN.sandbox.name}: the key is ours, and nothing has to be fetched to know it")
    with running(CHOSEN.sandbox, tickets=to_file(tmp_path, invented(1))) as psa:
        async with copilot_on(psa, tmp_path, poll_every="60s") as copilot:
            await until_ready(copilot)
            psa.faults("callback_lost=1")
            psa.inject(ids_of(psa)[0], {"role": "agent", "text": "I shall look at it in the afternoon."})
            [genuine] = callbacks(psa)
            bad = CHOSEN.forged(genuine)["forged"]
            answers = await asyncio.gather(*(post(copilot, bad) for _ in range(EACH)))
            assert set(answers) == {401}
            assert sum("signingkey" in row["path"] for row in psa.log()) == 1
            assert copilot.said.count("webhooks_forged") == 1
