"""Commands as a human types them, run in the test's own process: a start of its own takes seconds."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from psa_copilot.cli import main


@dataclass(frozen=True)
class Told:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def typed(*words: str) -> Told:
    """`psa-copilot` with these words."""
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "argv", ["psa-copilot", *words]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
    return Told(code, out.getvalue(), err.getvalue())
