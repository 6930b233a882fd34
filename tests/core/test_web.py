"""The front door, over real loopback HTTP: who gets in, what each answer is, and how it starts and stops."""

import asyncio
import json
import logging
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from psa_copilot import Delivery, logs, metrics
from psa_copilot.errors import ConfigError
from psa_copilot.redact import SECRETS
from psa_copilot.web import Received, build, serving, token_for
from psa_copilot.web.app import LARGEST

TOKEN = "an-invented-api-token"


class FrontDesk:
    """Takes webhooks by what their body says, and keeps what it took."""

    token = TOKEN

    def __init__(self) -> None:
        self.kept: list[tuple[str, Delivery]] = []
        self.states: dict[str, tuple[bool, str]] = {"main": (True, "")}
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def receive(self, connection: str, delivery: Delivery) -> Received:
        self.asked.set()
        await self.go_on.wait()
        received = Received.UNKNOWN if connection.startswith("nowhere") else Received(delivery.body.decode() or "kept")
        if received is Received.KEPT:
            self.kept.append((connection, delivery))
        return received

    def ready(self) -> dict[str, tuple[bool, str]]:
        return self.states

    def metrics(self) -> bytes:
        return metrics.text()


class Watch:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def desk() -> FrontDesk:
    return FrontDesk()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def http(desk: FrontDesk, watch: Watch) -> AsyncIterator[httpx.AsyncClient]:
    """A stranger without a token."""
    async with (
        serving(build(desk, watch), "127.0.0.1", 0) as (host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as client,
    ):
        yield client


class TestWebhooks:
    async def test_a_kept_one_is_202_and_arrives_whole(self, desk: FrontDesk, http: httpx.AsyncClient) -> None:
        answer = await http.post("/webhooks/main?id=5&action=updated", content=b"kept", headers={"X-Signature": "abc="})
        assert answer.status_code == 202
        [(connection, delivery)] = desk.kept
        assert connection == "main"
        assert delivery.body == b"kept"
        assert delivery.headers["x-signature"] == "abc="
        assert delivery.query == {"id": "5", "action": "updated"}

    @pytest.mark.parametrize(("path", "said", "status"), [("main", "forged", 401), ("nowhere", "kept", 404)])
    async def test_others_have_their_own_answer(
        self, http: httpx.AsyncClient, path: str, said: str, status: int
    ) -> None:
        assert (await http.post(f"/webhooks/{path}", content=said)).status_code == status

    async def test_what_could_not_be_kept_shall_come_again(self, http: httpx.AsyncClient) -> None:
        answer = await http.post("/webhooks/main", content=b"busy")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0

    async def test_the_largest_body_is_taken_and_one_byte_more_is_not(
        self, desk: FrontDesk, http: httpx.AsyncClient
    ) -> None:
        too_large = b" " * (LARGEST + 1)
        assert (await http.post("/webhooks/main", content=too_large)).status_code == 413

        async def in_pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b" " * (LARGEST // 2)

        assert (await http.post("/webhooks/main", content=in_pieces())).status_code == 413
        assert desk.kept == []
        assert (await http.post("/webhooks/main", content=b"kept")).status_code == 202

    async def test_one_that_breaks_off_is_not_kept(self, desk: FrontDesk, http: httpx.AsyncClient) -> None:
        reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
        writer.write(b"POST /webhooks/main HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nkept")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await http.post("/webhooks/main", content=b"kept")).status_code == 202
        assert len(desk.kept) == 1
        del reader

    async def test_only_post_delivers(self, http: httpx.AsyncClient) -> None:
        assert (await http.get("/webhooks/main")).status_code == 405

    async def test_they_are_counted_and_an_invented_name_is_no_label(self, http: httpx.AsyncClient) -> None:
        before = counted("psa_copilot_webhooks_total", connection="main", outcome="kept")
        await http.post("/webhooks/main", content=b"kept")
        await http.post("/webhooks/nowhere-at-all", content=b"kept")
        assert counted("psa_copilot_webhooks_total", connection="main", outcome="kept") == before + 1
        assert counted("psa_copilot_webhooks_total", connection="", outcome="unknown") >= 1
        assert b"nowhere-at-all" not in metrics.text()


def counted(name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return 0.0


async def test_forged_ones_are_one_warning_a_minute_for_each_connection(
    http: httpx.AsyncClient, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    with logs_on_stderr():
        for _ in range(30):
            await http.post("/webhooks/main", content=b"forged")
        await http.post("/webhooks/second", content=b"forged")
        watch.seconds = 59.9
        await http.post("/webhooks/main", content=b"forged")
        watch.seconds = 60.1
        await http.post("/webhooks/main", content=b"forged")
    warnings = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["event"] for line in warnings} == {"webhooks_forged"}
    assert [(line["connection"], line["count"]) for line in warnings] == [("main", 1), ("second", 1), ("main", 31)]


@contextmanager
def logs_on_stderr() -> Iterator[None]:
    """Logs as JSON for a while."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.setup(json=True)
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


class TestHealth:
    async def test_it_lives_whatever_its_connections_do(self, desk: FrontDesk, http: httpx.AsyncClient) -> None:
        desk.states = {"main": (False, "HTTP 401")}
        assert (await http.get("/healthz")).status_code == 200

    async def test_ready_when_every_connection_is(self, desk: FrontDesk, http: httpx.AsyncClient) -> None:
        answer = await http.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {"connections": {"main": {"ok": True, "why": ""}}}

    async def test_not_ready_tells_which_and_why(self, desk: FrontDesk, http: httpx.AsyncClient) -> None:
        desk.states = {"main": (True, ""), "second": (False, "away since 10:02")}
        answer = await http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["connections"]["second"] == {"ok": False, "why": "away since 10:02"}
        assert answer.json()["connections"]["main"]["ok"] is True


class TestToken:
    @pytest.mark.parametrize("path", ["/metrics", "/", "/docs", "/openapi.json", "/nothing", "/webhooks", "/healthz/x"])
    async def test_nothing_else_can_be_told_without_it(self, http: httpx.AsyncClient, path: str) -> None:
        answer = await http.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        "given", ["Bearer wrong", "Bearer", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü"]
    )
    async def test_a_wrong_one_is_refused(self, http: httpx.AsyncClient, given: str) -> None:
        answer = await http.get("/metrics", headers={b"Authorization": given.encode()})
        assert answer.status_code == 401

    async def test_the_right_one_opens_the_metrics(self, http: httpx.AsyncClient) -> None:
        answer = await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        names = {family.name for family in text_string_to_metric_families(answer.text)}
        assert {
            "psa_copilot_requests", "psa_copilot_writes", "psa_copilot_webhooks", "psa_copilot_doubles",
            "psa_copilot_collisions", "psa_copilot_open_rows", "psa_copilot_outages",
        } <= names  # fmt: skip

    @pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
    async def test_there_are_no_pages_about_the_api(self, http: httpx.AsyncClient, path: str) -> None:
        assert (await http.get(path, headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 404


class TestTheTokenFile:
    def test_it_is_made_once_beside_the_database_for_us_alone(self, tmp_path: Path) -> None:
        database = tmp_path / "psa-copilot.db"
        token = token_for(None, database)
        assert len(token) >= 32
        assert token_for(None, database) == token
        [file] = tmp_path.iterdir()
        assert file == tmp_path / "psa-copilot.token"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() == token
        assert SECRETS.clean(f"Bearer {token}") == "Bearer ***"

    def test_a_configured_one_is_taken_as_it_is(self, tmp_path: Path) -> None:
        assert token_for(SecretStr("from-the-config"), tmp_path / "psa-copilot.db") == "from-the-config"
        assert list(tmp_path.iterdir()) == []

    def test_one_that_others_may_read_is_closed(self, tmp_path: Path) -> None:
        file = tmp_path / "psa-copilot.token"
        file.write_text("left-open-by-somebody")
        file.chmod(0o644)
        assert token_for(None, tmp_path / "psa-copilot.db") == "left-open-by-somebody"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    @pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
    def test_one_that_holds_none_is_a_clear_error(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "psa-copilot.token").write_bytes(content)
        with pytest.raises(ConfigError, match=r"psa-copilot\.token holds no token; delete it"):
            token_for(None, tmp_path / "psa-copilot.db")


class TestTheServer:
    async def test_a_port_in_use_is_one_clear_error(self, desk: FrontDesk) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(ConfigError, match=rf"^web\.listen: cannot listen on 127\.0\.0\.1:{port}: .* in use; "):
                async with serving(build(desk), "127.0.0.1", port):
                    pytest.fail("it must not start")

    async def test_it_listens_on_this_machine_only(self, desk: FrontDesk) -> None:
        async with serving(build(desk), "127.0.0.1", 0) as (host, port):
            assert host == "127.0.0.1"
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.2", port), timeout=1).close()

    async def test_the_port_is_free_again_afterwards(self, desk: FrontDesk) -> None:
        async with serving(build(desk), "127.0.0.1", 0) as (host, port):
            pass
        async with serving(build(desk), host, port) as again:
            assert again == (host, port)

    async def test_it_leaves_signals_alone(self, desk: FrontDesk) -> None:
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        seen = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, seen.set)
        try:
            async with serving(build(desk), "127.0.0.1", 0) as (host, port):
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.wait_for(seen.wait(), 5)
                async with httpx.AsyncClient(trust_env=False) as http:
                    assert (await http.get(f"http://{host}:{port}/healthz")).status_code == 200
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before

    async def test_a_running_request_is_answered_before_it_stops(self, desk: FrontDesk) -> None:
        desk.go_on.clear()
        async with httpx.AsyncClient(trust_env=False) as http:
            async with serving(build(desk), "127.0.0.1", 0) as (host, port):
                asking = asyncio.create_task(http.post(f"http://{host}:{port}/webhooks/main", content=b"kept"))
                await asyncio.wait_for(desk.asked.wait(), 5)
                asyncio.get_running_loop().call_later(0.3, desk.go_on.set)
            assert (await asking).status_code == 202
        assert len(desk.kept) == 1

    async def test_an_error_inside_ends_the_server_too(self, desk: FrontDesk) -> None:
        with pytest.raises(RuntimeError, match="out"):
            async with serving(build(desk), "127.0.0.1", 0) as (host, port):
                raise RuntimeError("out")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((host, port), timeout=1).close()
