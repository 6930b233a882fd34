"""The wheel that a stranger installs holds all three packages, their data, and their doors."""

import configparser
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.house.tree import ROOMS, ROOT, project_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [built] = folder.glob("*.whl")
    return ZipFile(built)


def test_every_file_of_the_three_packages_is_in_the_wheel(wheel: ZipFile) -> None:
    rooms = [ROOT / room for room in ROOMS]
    ours = {
        str(file.relative_to(room.parent)) for room in rooms for file in project_files() if file.is_relative_to(room)
    }
    assert ours <= set(wheel.namelist())


@pytest.mark.parametrize("package", [Path(room).name for room in ROOMS])
def test_each_package_tells_that_it_is_typed(wheel: ZipFile, package: str) -> None:
    assert f"{package}/py.typed" in wheel.namelist()


def test_the_wheel_opens_every_door(wheel: ZipFile) -> None:
    [path] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    doors = configparser.ConfigParser()
    doors.read_string(wheel.read(path).decode())
    assert dict(doors["console_scripts"]) == {"psa-copilot": "psa_copilot.cli:main"}
    assert "connectwise" in doors["psa_copilot.connectors"]
    assert "connectwise" in doors["psa_copilot.sandboxes"]
    assert "summarize" in doors["psa_copilot.plugins"]


def test_the_wheel_carries_its_license(wheel: ZipFile) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_nothing_else_is_in_the_wheel(wheel: ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    [about] = [top for top in tops if top.endswith(".dist-info")]
    assert tops == {Path(room).name for room in ROOMS} | {about}
