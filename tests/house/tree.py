"""The project's own tree, and a scratch copy of it that a test may break."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("src/psa_copilot", "connectors/psa_copilot_connectors", "plugins/psa_copilot_plugins")
IMPORT_ROOTS = ("src", "connectors", "plugins")

_LEFT_BEHIND = shutil.ignore_patterns("__pycache__")


def project_files() -> list[Path]:
    """What is, or is about to be, committed: all that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [file for file in files if file.is_file()]


class ScratchTree:
    """A copy of the code whose import contracts can be broken and checked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for room in ROOMS:
            shutil.copytree(ROOT / room, root / room, ignore=_LEFT_BEHIND)
        for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
            shutil.copy(ROOT / name, root / name)

    def ensure(self, module: str) -> None:
        """Stand-ins for rooms that are not built yet, so that a contract about them can be tried."""
        file = self._file_of(module)
        file.parent.mkdir(parents=True, exist_ok=True)
        _make_importable(file.parent)
        file.touch()

    @contextmanager
    def with_line(self, module: str, line: str) -> Iterator[None]:
        """The tree with one more line in a module, made if it is not there yet."""
        before = self._python_files()
        self.ensure(module)
        file = self._file_of(module)
        text = file.read_text()
        file.write_text(f"{text}\n{line}\n")
        try:
            yield
        finally:
            file.write_text(text)
            for made in self._python_files() - before:
                made.unlink()

    def lint_imports(self) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join(str(self.root / root) for root in IMPORT_ROOTS)
        return subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    def _python_files(self) -> set[Path]:
        return set(self.root.rglob("*.py"))

    def _file_of(self, module: str) -> Path:
        top, *rest = module.split(".")
        [room] = [self.root / room for room in ROOMS if room.endswith(f"/{top}")]
        path = room.joinpath(*rest)
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _make_importable(folder: Path) -> None:
    while folder.name not in IMPORT_ROOTS:
        (folder / "__init__.py").touch()
        folder = folder.parent
