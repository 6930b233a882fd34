"""`psa-copilot init`: from credentials to a configuration that a human only has to confirm."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import available_timezones

import typer

from psa_copilot.cli import desk, output
from psa_copilot.cli.options import AsJson, ConfigFile
from psa_copilot.errors import AuthFailed, ConfigError, CopilotError, NotReady

if TYPE_CHECKING:
    from psa_copilot.cli.asking import Answers, Entrance
    from psa_copilot.clock import Clock
    from psa_copilot.connector import Connector
    from psa_copilot.survey.proposal import Guess, Proposal, Sample

TRIES = 5
"""Wrong keys in great number look like an attack."""
A_REQUEST = timedelta(milliseconds=100)
"""Between two requests: a first look must not disturb anybody."""


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    app.command()(init)


def init(
    use: Annotated[str, typer.Option(help="The connector; `psa-copilot plugins` lists what is installed.")] = "",
    name: Annotated[str, typer.Option(help="What to call this connection: a-z, 0-9 and -.")] = "main",
    answer: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An answer; a secret only as KEY=${NAME}. May be repeated."),
    ] = None,
    answers: Annotated[Path | None, typer.Option(metavar="FILE", help="Answers as YAML, `key: value` a line.")] = None,
    zone: Annotated[str, typer.Option(help="The desk's time zone, for example Europe/Berlin.")] = "",
    tickets: Annotated[int, typer.Option(min=100, help="Most tickets to look at.")] = 2000,
    threads: Annotated[int, typer.Option(min=0, help="Most tickets whose messages are read.")] = 150,
    force: Annotated[bool, typer.Option("--force", help="Replace a configuration that is there.")] = False,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Ask for credentials, try them, look at the desk, and propose a configuration; writes nothing to the PSA.

    Asks only for what options, --answers and the environment leave open: PSA_COPILOT_PRIVATE_KEY, say, for the key
    private_key. A secret is never written into the configuration: it stays in its variable, or goes into a file beside
    it that only you may read. Everything starts in observe.

    JSON: {"config", "files": [PATH], "tickets", "statuses": {BOARD: {STATUS: GUESS}}, "origins": {ORIGIN: {KIND:
    [GUESS]}}, "hours": {BOARD: GUESS}, "next": [COMMAND]}; GUESS is {"value", "because", "sure"}.
    """
    from psa_copilot import logs
    from psa_copilot.cli.asking import Answers

    logs.setup(level="error")
    if config.exists() and not force:
        raise ConfigError(f"{config} is there already; --force replaces it, --config FILE writes another one")
    options = _options(answer or ())
    told = Answers.read(answers, options)
    entrance = _entrance(told, use or told.given.get("use", ""), config)
    _refuse_shown(entrance, options)
    sample = asyncio.run(_get_in(entrance, told, name, tickets, threads))
    made = _made(entrance, told, name, sample, zone or told.given.get("zone", ""), config)
    if as_json:
        output.show_json(_document(made))
    else:
        for line in _summary(made):
            output.say(line)


def _options(given: Sequence[str]) -> dict[str, str]:
    pairs = dict(one.partition("=")[::2] for one in given)
    if "" in pairs or any("=" not in one for one in given):
        raise ConfigError("--set: write KEY=VALUE, for example --set company=acme")
    return pairs


def _refuse_shown(entrance: Entrance, options: Mapping[str, str]) -> None:
    """A secret on a command line is in the history of the shell, and in the list of processes."""
    for key, value in options.items():
        if key in entrance.connector.Settings.model_fields and entrance.is_secret(key) and not value.startswith("${"):
            raise ConfigError(f"--set {key}: everybody on this machine can read that; write --set {key}='${{NAME}}'")


def _entrance(answers: Answers, use: str, config: Path) -> Entrance:
    from psa_copilot import registry
    from psa_copilot.cli.asking import Entrance

    known = registry.names("connectors")
    only = known[0] if len(known) == 1 else ""
    chosen = use or only or answers.ask("use", f"Which PSA: {', '.join(known)}")
    entrance = Entrance(registry.connector(chosen), answers, config.absolute().parent)
    for key in answers.given:
        bare = key.removesuffix("_file")
        if key in entrance.connector.Settings.model_fields or bare in entrance.connector.Settings.model_fields:
            continue
        if key not in ("use", "zone"):
            raise ConfigError(f"{key}: unknown answer; {chosen} asks for {', '.join(_keys(entrance))}")
    return entrance


def _keys(entrance: Entrance) -> list[str]:
    return [key for key, info in entrance.connector.Settings.model_fields.items() if info.is_required()]


# -- getting in --------------------------------------------------------------------------------------------------


async def _get_in(entrance: Entrance, answers: Answers, name: str, tickets: int, threads: int) -> Sample:
    """Credentials that work, and what the desk looks like; a person may mend what does not."""
    from psa_copilot.survey.sampling import sample

    for attempt in range(TRIES):
        try:
            entrance.ask(again=attempt > 0)
            async with _connected(entrance, name) as connector:
                await connector.known_good()
                with _progress() as told:
                    now = connector.http.psa_now()
                    return await sample(connector, now, tickets=tickets, threads=threads, told=told)
        except (ConfigError, AuthFailed, NotReady) as exc:
            if not answers.asks or attempt == TRIES - 1:
                raise
            output.hint(f"{exc}\nOnce more; Enter keeps what stands in brackets.")
    raise CopilotError("the credentials were not accepted")


@asynccontextmanager
async def _connected(entrance: Entrance, name: str) -> AsyncIterator[Connector]:
    """A connector on these credentials, without a store."""
    from psa_copilot import app
    from psa_copilot.http import Http

    settings = entrance.settings(name)
    async with app.timekeeping() as clock:
        http = Http(name, clock, _Polite(clock), settings.request_timeout)
        try:
            yield entrance.connector(settings, http)
        finally:
            await http.close()


class _Polite:
    """A budget without a store: one request after the other, with a pause between."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._next, self._blocked = clock, clock.now(), clock.now()

    async def take(self, *, background: bool) -> None:
        """Wait for the turn."""
        turn = max(self._next, self._blocked, self._clock.now())
        self._next = turn + A_REQUEST
        await self._clock.sleep_until(turn)

    def blocked_until(self, moment: datetime) -> None:
        """The PSA asked us to wait."""
        self._blocked = max(self._blocked, moment)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    with output.console(err=True).status("looking at the desk ...") as status:
        yield lambda what, done, of: status.update(f"{what}: {done:,}" + (f" of {of:,}" if of else ""))


# -- what comes of it --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """What was written, and why."""

    config: Path
    secrets: tuple[Path, ...]
    sample: Sample
    proposal: Proposal


def _made(entrance: Entrance, answers: Answers, name: str, sample: Sample, zone: str, config: Path) -> Made:
    from psa_copilot.survey.proposal import propose

    chosen = _zone(answers, zone)
    proposal = propose(sample, chosen, entrance.values.get("company", ""))
    output.hint(_seen(sample))
    secrets = entrance.keep_secrets(config.absolute())
    try:
        _write(entrance, name, proposal, sample, config)
    except BaseException:
        for path in secrets:
            path.unlink(missing_ok=True)
        raise
    return Made(config, tuple(secrets), sample, proposal)


def _zone(answers: Answers, zone: str) -> str:
    """The desk's time zone: as told, else this machine's own."""
    chosen = zone or answers.ask("zone", "The desk's time zone, for example Europe/Berlin", _zone_here())
    if chosen not in available_timezones():
        raise ConfigError(f"zone: {chosen} is no time zone; write one like Europe/Berlin or America/New_York")
    return chosen


def _zone_here() -> str:
    named = os.environ.get("TZ", "").lstrip(":")
    linked = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    return next((zone for zone in (named, linked) if zone in available_timezones()), "UTC")


def _write(entrance: Entrance, name: str, proposal: Proposal, sample: Sample, config: Path) -> None:
    """The file, once it is known to be a good one."""
    from psa_copilot.cli.asking import write_private
    from psa_copilot.config import load
    from psa_copilot.survey.draft import Access, compose

    access = Access(name, {"use": entrance.connector.name, **entrance.values})
    text = compose(access, proposal, _plugins(), _seen(sample))
    draft = config.absolute().with_name(f".{config.name}.draft")
    write_private(draft, text)
    try:
        wrong = load(draft).check_against({name: sample.directory})
        if wrong:
            raise CopilotError("the proposal does not fit the PSA: " + "; ".join(wrong))
        draft.replace(config)
    finally:
        draft.unlink(missing_ok=True)


def _plugins() -> list[str]:
    """Every installed plugin that needs no settings."""
    from pydantic import ValidationError

    from psa_copilot import registry
    from psa_copilot.errors import PluginBroken

    def runs_as_it_is(name: str) -> bool:
        try:
            registry.plugin(name).Settings.model_validate({})
        except (PluginBroken, ValidationError):
            return False
        return True

    return [name for name in registry.names("plugins") if runs_as_it_is(name)]


def _seen(sample: Sample) -> str:
    people = sum(person.active and not person.is_api for person in sample.directory.technicians)
    return (
        f"Looked at {len(sample.tickets):,} tickets of {len(sample.directory.boards)} boards, the messages of "
        f"{len(sample.messages):,} of them, and {people} technicians."
    )


NEXT = (
    ("check", "rights, and what would mail or bill"),
    ("digest --html digest.html", "what nobody has noticed"),
    ("leaflet --html leaflet.html", "one page for your technicians"),
    ("run", "in the foreground; everything only observes"),
)


def _next(config: Path) -> list[str]:
    named = "" if config == desk.DEFAULT_CONFIG else f" --config {config}"
    return [f"psa-copilot {command}{named}" for command, _ in NEXT]


def _summary(made: Made) -> Iterator[str]:
    guesses = [guess for statuses in made.proposal.statuses.values() for guess in statuses.values()]
    unsure = sum(not guess.sure for guess in guesses)
    yield f"written: {made.config} (only you may read it)"
    for path in made.secrets:
        yield f"written: {path}, a secret (only you may read it)"
    yield f"{len(guesses)} statuses have a meaning; {unsure} of them wait for your word: read them, remove their #."
    for origin, kinds in made.proposal.origins.items():
        for kind, some in kinds.items():
            yield f"{origin.value} tickets by {kind}: {', '.join(_shown(guess) for guess in some)}"
    for board, guess in made.proposal.hours.items():
        yield f"hours of {'all boards' if board == '*' else board}: {_shown(guess)}"
    yield "Nothing was written to the PSA. Next:"
    for command, (_, what) in zip(_next(made.config), NEXT, strict=True):
        yield f"    {command:<44} # {what}"


def _shown(guess: Guess) -> str:
    return guess.value if guess.sure else f"{guess.value} (unconfirmed)"


def _document(made: Made) -> dict[str, Any]:
    proposal = made.proposal
    return {
        "config": str(made.config),
        "files": [str(made.config), *map(str, made.secrets)],
        "tickets": len(made.sample.tickets),
        "statuses": {
            board: {status: vars(guess) for status, guess in some.items()} for board, some in proposal.statuses.items()
        },
        "origins": {
            origin.value: {kind: [vars(guess) for guess in some] for kind, some in kinds.items()}
            for origin, kinds in proposal.origins.items()
        },
        "hours": {board: vars(guess) for board, guess in proposal.hours.items()},
        "next": _next(made.config),
    }
