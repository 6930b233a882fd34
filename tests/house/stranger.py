"""An environment as a stranger has it: our wheel and theirs in it, and of this checkout nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 60.0
OURS = ("psa_copilot", "_editable", "__editable")


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and how to run something in it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def variables(self, **more: str) -> dict[str, str]:
        """Those of a shell in which it is active."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PSA_COPILOT_", "PYTHON"))}
        path = f"{self.folder / 'bin'}{os.pathsep}{kept.get('PATH', '')}"
        return kept | {"PATH": path, "VIRTUAL_ENV": str(self.folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | more

    def pip(self, *words: str) -> None:
        done = subprocess.run(
            [self.python, "-m", "pip", "install", "--quiet", *words],
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, *words: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=cwd, env=self.variables(**more), capture_output=True, text=True, check=False, timeout=120
        )

    def json(self, *words: str, cwd: Path, **more: str) -> Any:
        """What a command of ours says with --json."""
        told = self.run("psa-copilot", *words, "--json", cwd=cwd, **more)
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    @contextmanager
    def beside(self, words: Sequence[str], *, cwd: Path, **more: str) -> Iterator[Path]:
        """A process that runs until the end of the block; where its output goes."""
        log = cwd / f"{'-'.join(word for word in words[:2] if '/' not in word)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(words, cwd=cwd, env=self.variables(**more), stdout=out, stderr=out)
            try:
                yield log
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20)


def built(project: Path, folder: Path) -> Path:
    """The wheel of a project, alone in a folder."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / project.name)]
    subprocess.run(words, cwd=project, check=True, capture_output=True)
    [wheel] = (folder / project.name).glob("*.whl")
    return wheel


def empty(folder: Path, *, pip: bool) -> Environment:
    """A new environment."""
    subprocess.run([sys.executable, "-m", "venv", *([] if pip else ["--without-pip"]), str(folder)], check=True)
    return Environment(folder)


def furnished(folder: Path) -> Environment:
    """A new environment that borrows the packages of this one, save ours: they take minutes to install."""
    environment = empty(folder, pip=False)
    lent = folder / "lent"
    lent.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            if not entry.name.startswith(OURS) and entry.suffix != ".pth":
                (lent / entry.name).symlink_to(entry)
    [own] = [Path(one) for one in environment_sites(environment)]
    (own / "lent.pth").write_text(f"{lent}\n")
    return environment


def environment_sites(environment: Environment) -> list[str]:
    """Where it keeps its packages."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    told = subprocess.run([environment.python, "-c", code], check=True, capture_output=True, text=True)
    return told.stdout.split()


def until(true: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Ask again until it is so."""
    end = time.monotonic() + patience
    while not (answer := true()):
        assert time.monotonic() < end, f"waited {patience:g} s in vain: {what}"
        time.sleep(0.3)
    return answer
