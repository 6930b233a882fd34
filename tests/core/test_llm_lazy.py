"""litellm is imported at the first real question, not before; a tampered one never."""

import subprocess
import sys
from pathlib import Path

import pytest

POISON = 'raise SystemExit("litellm was imported")\n'

WITHOUT_A_MODEL = """
import asyncio, sys
from datetime import UTC, datetime
from pydantic import BaseModel
import psa_copilot, psa_copilot.app, psa_copilot.cli, psa_copilot.config.loading
from psa_copilot.clock import Clock
from psa_copilot.llm import Gateway, LlmSettings
from psa_copilot.models import Ref, Thread, Ticket
from psa_copilot.testing.llm import LocalCache, LocalSpend

class Recap(BaseModel):
    state: str

now = datetime.now(UTC)
ticket = Ticket(ref=Ref(connection="main", remote_id="1"), number="1", title="x", opened_at=now, updated_at=now)
thread = Thread(id="main/1", revision=1, tickets=(ticket,))
free = LlmSettings(model="openai/scripted", api_base="http://127.0.0.1:9/v1", daily_budget=0)
for settings, why in ((None, "no model is configured"), (free, "the budget is used up")):
    llm = Gateway(settings, LocalSpend(), LocalCache(), Clock()).llm("summarize", thread)
    assert asyncio.run(llm.ask("Sum up.", "text", answer=Recap)) is None
    assert llm.why == why, llm.why
assert "litellm" not in sys.modules
print("fine")
"""

WITH_ONE = WITHOUT_A_MODEL.replace("daily_budget=0", "daily_budget=1")


def run(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path[:0] = {[str(path) for path in paths]!r}\n"
    return subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / "__init__.py").write_text(POISON)
    return tmp_path


def test_without_a_model_or_a_budget_litellm_is_never_imported(poisoned: Path) -> None:
    done = run(WITHOUT_A_MODEL, poisoned)
    assert done.stdout == "fine\n", done.stderr


def test_the_poison_works(poisoned: Path) -> None:
    assert "litellm was imported" in run(WITH_ONE, poisoned).stderr


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8"])
def test_a_tampered_release_is_refused_before_it_is_imported(poisoned: Path, version: str) -> None:
    info = poisoned / f"litellm-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: litellm\nVersion: {version}\n")
    done = run(WITH_ONE, poisoned)
    assert f"litellm {version} was tampered with" in done.stderr
    assert "litellm was imported" not in done.stderr
