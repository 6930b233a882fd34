"""The command line: `psa-copilot`. Each command says in its help what it does and what its JSON looks like.

Exit codes: 0 well; 1 the work failed; 2 configuration or usage; 3 another process holds the database.
"""

from __future__ import annotations

import sys

import typer

from psa_copilot.cli import daemon, desk, digest, doctor, init, learning, ledger, looks, replay, switches
from psa_copilot.cli.options import AsJson, ConfigFile
from psa_copilot.errors import ConfigError, CopilotError, DatabaseHeld
from psa_copilot.redact import SECRETS

FAILED, USAGE, HELD = 1, 2, 3

app = typer.Typer(
    name="psa-copilot",
    help="Reads the tickets of your PSA and writes useful internal notes back, exactly once.",
    epilog="Exit codes: 0 well, 1 the work failed, 2 configuration or usage, 3 another process holds the database.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root(config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Options that may stand before or after a command's name; `_keep` in options.py passes them on."""


for room in (init, digest, replay, daemon, ledger, switches, looks, learning, doctor):
    room.add_to(app)


def main() -> None:
    """Run the command that was typed; what we raise on purpose ends in one line and an exit code."""
    try:
        app()
    except CopilotError as exc:
        for line in SECRETS.clean(str(exc)).splitlines():
            print(f"error: {line}", file=sys.stderr)  # noqa: T201 - the lines that a caller reads
        sys.exit(_code(exc))


def _code(exc: CopilotError) -> int:
    match exc:
        case ConfigError():
            return USAGE
        case DatabaseHeld():
            return HELD
        case _:
            return FAILED
