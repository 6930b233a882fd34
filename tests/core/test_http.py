"""What the toolkit promises to connectors, over real connections."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from psa_copilot.clock import Clock
from psa_copilot.errors import AuthFailed, NotFound, NotReady, PsaError, RateLimited, Rejected
from psa_copilot.http import FAMILIES, Http, Step, background, keyset
from psa_copilot.testing import LocalBudget
from tests.core.player import CUT, DRIP, SILENCE, Act, Player, page, playing, says

SECRET = "correct-horse-battery"


@pytest.fixture
def clock() -> Clock:
    """Fast enough that polite waits do not make the tests wait."""
    clock = Clock()
    clock.set(datetime.now(UTC), speed=50)
    return clock


@pytest.fixture
def budget(clock: Clock) -> LocalBudget:
    return LocalBudget("main", clock)


@pytest.fixture
async def http(clock: Clock, budget: LocalBudget) -> AsyncIterator[Http]:
    http = Http("main", clock, budget, timedelta(seconds=0.4))
    yield http
    await http.close()


def door(http: Http, player: Player) -> Http:
    return http.at(
        player.url, auth=("sandbox+pub", SECRET), headers={"clientId": "an-id-of-ours"}, keys=("private_key",)
    )


async def test_a_read_brings_the_json_and_the_headers(http: Http) -> None:
    async with playing(says({"id": 5}, link='<http://x.example/?page=2>; rel="next"')) as player:
        answer = await door(http, player).get("/tickets/5", {"fields": "id,summary", "conditions": 'name="A & B"'})
    assert answer.json == answer.row == {"id": 5}
    assert answer.headers["content-type"] == "application/json"
    assert answer.has_next
    assert player.heard[0].headers["clientid"] == "an-id-of-ours"
    assert "%26" in player.heard[0].path


async def test_a_write_sends_its_body_and_takes_an_empty_answer(http: Http) -> None:
    async with playing(says({"id": 1}, 201), Act(204)) as player:
        made = await door(http, player).post("/notes", {"text": "hello"})
        gone = await door(http, player).delete("/notes/1")
    assert (made.status, gone.status, gone.json) == (201, 204, None)
    assert player.heard[0].body == {"text": "hello"}


@pytest.mark.parametrize("bad", [says({"message": "oops"}, 500), page(502), page(200), CUT, SILENCE], ids=str)
async def test_a_read_is_tried_again_until_it_works(http: Http, bad: Act) -> None:
    async with playing(bad, bad, says([1])) as player:
        assert (await door(http, player).get("/tickets")).json == [1]
    assert len(player.heard) == 3


async def test_a_read_gives_up_after_four_tries(http: Http) -> None:
    async with playing(page(502)) as player:
        with pytest.raises(NotReady, match="main: could not list tickets: HTTP 502 with a page") as failed:
            await door(http, player).get("/tickets", doing="list tickets")
    assert not failed.value.maybe_done
    assert len(player.heard) == 4


@pytest.mark.parametrize("bad", [says({}, 500), page(502), page(200), CUT, SILENCE, DRIP], ids=str)
async def test_a_write_is_never_repeated_and_may_have_been_done(http: Http, bad: Act) -> None:
    async with playing(bad) as player:
        with pytest.raises(NotReady) as failed:
            await door(http, player).post("/notes", {"text": "hello"})
    assert failed.value.maybe_done
    assert not isinstance(failed.value, RateLimited)
    assert len(player.heard) == 1


async def test_what_never_left_us_was_not_done(http: Http) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets this port, and it refuses
        nobody = http.at(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(NotReady, match="no connection to 127") as failed:
            await nobody.post("/notes", {})
    assert not failed.value.maybe_done


async def test_a_dripping_answer_ends_with_the_time_out(http: Http) -> None:
    async with playing(DRIP) as player:
        with pytest.raises(NotReady, match=r"no answer within 0\.4 s"):
            await door(http, player).patch("/tickets/1", [])


@pytest.mark.parametrize(
    ("status", "error", "says_why"),
    [
        (401, AuthFailed, "HTTP 401: ConnectWiseApi: no; check connections.main.private_key"),
        (403, Rejected, "HTTP 403: ConnectWiseApi: no; the account's role lacks a right"),
        (404, NotFound, "HTTP 404: ConnectWiseApi: no"),
        (400, Rejected, "HTTP 400: ConnectWiseApi: no"),
        (405, Rejected, "HTTP 405: ConnectWiseApi: no"),
        (409, Rejected, "HTTP 409: ConnectWiseApi: no"),
        (415, Rejected, "HTTP 415: ConnectWiseApi: no"),
        (422, Rejected, "HTTP 422: ConnectWiseApi: no"),
    ],
)
async def test_a_refusal_is_named_and_asked_once(http: Http, status: int, error: type[PsaError], says_why: str) -> None:
    async with playing(says({"code": "ConnectWiseApi", "message": "no", "errors": None}, status)) as player:
        with pytest.raises(error) as failed:
            await door(http, player).get("/tickets", doing="list tickets")
    assert type(failed.value) is error
    assert str(failed.value) == f"main: could not list tickets: {says_why}"
    assert len(player.heard) == 1


async def test_a_refusal_keeps_the_nested_words(http: Http) -> None:
    nested = {"code": "MissingRequiredField", "message": "id is required.", "field": "id"}
    body = {"code": "InvalidObject", "message": "note object is invalid", "errors": [nested]}
    async with playing(says(body, 400)) as player:
        with pytest.raises(Rejected, match="MissingRequiredField: id: id is required"):
            await door(http, player).post("/notes", {})


async def test_a_connector_may_know_other_ways_of_being_locked_out(http: Http) -> None:
    async with playing(says({"message": "clientId is missing"}, 403)) as player:
        view = http.at(player.url, locked_out=lambda status, words: status == 403 and "clientId" in words)
        with pytest.raises(AuthFailed):
            await view.get("/tickets")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"errors": ["Missing Required Field: title"]}, Rejected),
        ({"errors": ["thread threshold exceeded"]}, RateLimited),
        ({"Message": "An error has occurred."}, NotReady),
    ],
)
async def test_a_psa_may_use_statuses_in_a_way_of_its_own(
    http: Http, answer: dict[str, object], error: type[PsaError]
) -> None:
    def means(status: int, json: object) -> int:
        words = str(json["errors"]) if isinstance(json, dict) and "errors" in json else ""
        return (429 if "threshold" in words else 400) if words else status

    async with playing(says(answer, 500)) as player:
        with pytest.raises(error) as failed:
            await http.at(player.url, means=means).post("/notes", {})
    assert type(failed.value) is error
    assert "HTTP 500" in str(failed.value)


async def test_no_secret_gets_into_a_message(http: Http) -> None:
    async with playing(says({"message": f"who is sandbox+pub:{SECRET}?"}, 400)) as player:
        with pytest.raises(Rejected) as failed:
            await door(http, player).get("/tickets")
    assert SECRET not in str(failed.value)
    assert "who is" in str(failed.value)


@pytest.mark.parametrize("key", ["error_description", "Message", "errorMessage"])
async def test_a_refusal_is_told_whatever_the_psa_calls_its_words(http: Http, key: str) -> None:
    async with playing(says({key: "An Outcome must be entered"}, 400)) as player:
        with pytest.raises(Rejected, match="An Outcome must be entered"):
            await door(http, player).post("/actions", [])


async def test_a_query_in_a_body_is_tried_again_like_a_read(http: Http) -> None:
    async with playing(says({}, 500), says([{"id": 5}])) as player:
        answer = await door(http, player).ask("/tickets/query", {"filter": []}, doing="list tickets")
    assert answer.rows == [{"id": 5}]
    assert [(heard.method, heard.body) for heard in player.heard] == [("POST", {"filter": []})] * 2
    async with playing(says({}, 500)) as player:
        with pytest.raises(NotReady) as failed:
            await door(http, player).ask("/tickets/query", {}, doing="list tickets")
    assert not failed.value.maybe_done


async def test_no_secret_of_a_form_gets_into_a_message(http: Http) -> None:
    async with playing(says({"error": f"who is {SECRET}?"}, 400)) as player:
        with pytest.raises(Rejected, match="who is") as failed:
            await http.at(player.url).ask("/token", form={"client_secret": SECRET}, doing="log in")
        assert player.heard[0].body == {"client_secret": SECRET}
    assert SECRET not in str(failed.value)


async def test_no_redirect_is_followed(http: Http) -> None:
    async with playing(says([])) as elsewhere:
        async with playing(page(302, location=f"{elsewhere.url}/steal?key=1")) as player:
            with pytest.raises(NotReady, match="sent on to 127") as failed:
                await door(http, player).post("/tickets", {})
        assert elsewhere.heard == []
    assert "steal" not in str(failed.value)


async def test_a_proxy_of_the_environment_is_not_used(
    clock: Clock, budget: LocalBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    http = Http("main", clock, budget, timedelta(seconds=1))
    async with playing(says([])) as player:
        assert (await door(http, player).get("/tickets")).json == []
    await http.close()


async def test_a_short_retry_after_is_waited_out(http: Http, clock: Clock, budget: LocalBudget) -> None:
    async with playing(says({"error": "ConnectWiseAPI"}, 429, retry_after="5"), says([1])) as player:
        assert (await door(http, player).get("/tickets")).json == [1]
    asked, answered = budget.taken
    assert answered - asked >= timedelta(seconds=5)


async def test_a_long_retry_after_is_the_callers_matter(http: Http, clock: Clock, budget: LocalBudget) -> None:
    async with playing(says({"error": "ConnectWiseAPI", "message": "Too many"}, 429, retry_after="120")) as player:
        with pytest.raises(RateLimited, match=r"HTTP 429: ConnectWiseAPI: Too many; wait 120 s") as failed:
            await door(http, player).get("/tickets")
    assert len(player.heard) == 1
    assert failed.value.retry_after == budget.blocked
    assert timedelta(seconds=100) < failed.value.retry_after - clock.now() <= timedelta(seconds=120)


async def test_a_write_that_came_too_fast_was_not_done_and_blocks_the_others(http: Http, budget: LocalBudget) -> None:
    async with playing(says({}, 429, retry_after="3")) as player:
        with pytest.raises(RateLimited) as failed:
            await door(http, player).post("/notes", {})
    assert not failed.value.maybe_done
    assert len(player.heard) == 1
    assert budget.blocked == failed.value.retry_after


NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ({}, 30),
        ({"retry-after": "soon"}, 30),
        ({"retry-after": "-5"}, 30),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "99999999999999999999"}, 3600),
        ({"retry-after": format_datetime(NOON + timedelta(seconds=90), usegmt=True)}, 90),
        ({"retry-after": format_datetime(NOON - timedelta(hours=1), usegmt=True)}, 0),
        ({"retry-after": format_datetime(NOON + timedelta(days=9), usegmt=True)}, 3600),
    ],
)
async def test_retry_after_is_read_by_the_psas_clock_and_within_reason(
    http: Http, clock: Clock, retry_after: dict[str, str], seconds: float
) -> None:
    sent = Act(429, b"", {"date": format_datetime(NOON, usegmt=True), **retry_after})
    before = clock.now()
    async with playing(sent) as player:
        with pytest.raises(RateLimited) as failed:
            await door(http, player).post("/notes", {})
    assert before <= failed.value.retry_after - timedelta(seconds=seconds) <= clock.now()


async def test_each_try_takes_a_place_in_the_budget(http: Http, budget: LocalBudget) -> None:
    async with playing(page(502), says([])) as player:
        with background():
            await door(http, player).get("/tickets")
        await door(http, player).get("/tickets")
    assert budget.in_background == [True, True, False]


async def test_requests_are_counted_over_all_views(http: Http) -> None:
    async with playing(CUT, page(502), says([]), says({}, 404), says({}, 201)) as player:
        await door(http, player).get("/tickets")
        with pytest.raises(NotFound):
            await door(http, player).get("/tickets/1")
        await http.at(player.url).post("/notes", {})
    assert http.requests == 5
    counted = {
        ("GET", "/tickets", "interactive", "none"): 1,
        ("GET", "/tickets", "interactive", "5xx"): 1,
        ("GET", "/tickets", "interactive", "2xx"): 1,
        ("GET", "/tickets/#", "interactive", "4xx"): 1,
        ("POST", "/notes", "interactive", "2xx"): 1,
    }
    assert dict(http.counts) == counted


async def test_what_names_a_record_is_no_label(http: Http) -> None:
    paths = ("/Tickets/7", "/Tickets/8/Notes", "/Webhook/0f8a3b1c-9b9e-4c55-9a0f-1f2e3d4c5b6a", "/Tickets?page_no=2")
    async with playing(*(says([]) for _ in paths)) as player:
        for path in paths:
            await door(http, player).get(path)
    assert {asked.family for asked in http.counts} == {"/Tickets", "/Tickets/#", "/Tickets/#/Notes", "/Webhook/#"}


async def test_labels_are_bounded(http: Http) -> None:
    names = [f"{one}{other}" for one in "abcdefghijklmnopq" for other in "abcdefghijklmnopq"]
    async with playing(*(says([]) for _ in names)) as player:
        for name in names:
            await door(http, player).get(f"/{name}")
    assert len({asked.family for asked in http.counts}) <= FAMILIES + 1


async def test_a_login_does_not_give_way(http: Http, budget: LocalBudget) -> None:
    async with playing(says({}), says([])) as player:
        with background():
            await door(http, player).ask("/token", form={"grant_type": "client_credentials"}, doing="log in")
            await door(http, player).get("/tickets")
    assert budget.in_background == [False, True]


async def test_nobody_waits_in_a_lane_for_the_budget(http: Http, budget: LocalBudget) -> None:
    inside: list[str] = []

    @asynccontextmanager
    async def lane(path: str) -> AsyncIterator[None]:
        assert len(budget.taken) == len(inside) + 1
        inside.append(path)
        yield

    async with playing(says([]), says([])) as player:
        view = http.at(player.url, lane=lane)
        await view.get("/tickets")
        await view.get("/tickets/1")
    assert inside == ["/tickets", "/tickets/1"]


async def test_the_psas_clock_is_read_from_its_answers(http: Http, clock: Clock) -> None:
    clock.set(NOON, speed=1)
    async with playing(says([], date=format_datetime(NOON + timedelta(minutes=7), usegmt=True))) as player:
        await door(http, player).get("/tickets")
    assert abs(http.psa_now() - clock.now() - timedelta(minutes=7)) < timedelta(seconds=2)
    clock.followed = "http://127.0.0.1/_sandbox/clock"
    assert abs(http.psa_now() - clock.now()) < timedelta(seconds=1)


async def test_a_second_of_difference_is_only_rounding(http: Http, clock: Clock) -> None:
    clock.set(NOON, speed=1)
    async with playing(says([], date=format_datetime(NOON - timedelta(seconds=1), usegmt=True))) as player:
        await door(http, player).get("/tickets")
    assert http.psa_now() >= NOON


Row = tuple[str, int, str]


class Listing:
    """Rows of (stamp, id, text) behind a paged query, and somebody who writes between the pages."""

    def __init__(self, rows: list[Row], size: int, writer: Callable[["Listing"], None] | None = None) -> None:
        self.rows, self.size, self.writer, self.reads = {row[1]: row for row in rows}, size, writer, 0

    async def read(self, step: Step) -> tuple[list[Row], bool]:
        self.reads += 1
        ways: dict[str, Callable[[str], bool]] = {
            ">=": step.stamp.__le__,
            "=": step.stamp.__eq__,
            ">": step.stamp.__lt__,
        }
        fits = ways[step.op]
        beyond = -1 if step.beyond is None else step.beyond
        found = sorted(row for row in self.rows.values() if fits(row[0]) and row[1] > beyond)[: self.size]
        if self.writer:
            self.writer(self)
        return found, len(found) == self.size

    async def walk(self, since: str) -> list[Row]:
        pages = keyset(self.read, since, lambda row: (row[0], row[1]))
        return [row async for rows in pages for row in rows]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize("stamps", ["abcdefghij", "aabbbbbccd", "bbbbbbbbbb", "abbbbbbbbc", "aaaaabbbbb"])
async def test_a_walk_sees_each_row_once_whatever_the_ties(size: int, stamps: str) -> None:
    rows = [(stamp, number, "") for number, stamp in enumerate(stamps)]
    seen = await Listing(rows, size).walk("b")
    assert seen == [row for row in rows if row[0] >= "b"]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
async def test_a_row_saved_again_while_we_walk_is_not_lost(size: int) -> None:
    def save_the_next_one_again(listing: Listing) -> None:
        if listing.reads <= 6:
            listing.rows[listing.reads] = ("z", listing.reads, f"saved at read {listing.reads}")

    rows = [("abcdefgh"[number], number, "old") for number in range(8)]
    listing = Listing(rows, size, save_the_next_one_again)
    seen = await listing.walk("a")
    while listing.reads < 8:  # what was saved after a last page is for the next poll, and the writer stops at 6
        seen += await listing.walk(seen[-1][0])
    assert {row[1]: row for row in seen} == listing.rows


async def test_a_row_saved_again_in_the_same_second_comes_again() -> None:
    def save_in_the_same_second(listing: Listing) -> None:
        if listing.reads == 1:
            listing.rows[1] = ("b", 1, "second text")

    listing = Listing([("a", 0, ""), ("b", 1, "first text"), ("b", 2, "")], 2, save_in_the_same_second)
    assert ("b", 1, "second text") in await listing.walk("a")
