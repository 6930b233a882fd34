"""Nothing in the project belongs to one machine, one workplace or one package index."""

import re

import pytest

from tests.house.tree import ROOT, project_files

# Written so that this file does not find itself.
REGISTRY_HOSTS = re.compile(
    r"p[y]pi\.org|p[y]thonhosted\.|registry\.n[p]mjs|deb\.d[e]bian\.|proxy\.g[o]lang|registry\.[y]arnpkg"
)
PATHS_OF_A_MACHINE = re.compile(r"(?<![\w.:~-])/(?:w[o]rk|t[m]p|r[o]ot|h[o]me|U[s]ers)/")


@pytest.mark.parametrize("forbidden", [REGISTRY_HOSTS, PATHS_OF_A_MACHINE], ids=["registries", "paths"])
def test_no_file_names(forbidden: re.Pattern[str]) -> None:
    found = []
    for file in project_files():
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
            if forbidden.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("offence", ["from /w" + "ork/shared/x", "open('/t" + "mp/x')", 'Path("/r' + 'oot/.ssh/")'])
def test_a_path_of_a_machine_is_seen(offence: str) -> None:
    assert PATHS_OF_A_MACHINE.search(offence)


@pytest.mark.parametrize("offence", ["https://py" + "pi.org/simple", "https://files.python" + "hosted.org/x"])
def test_a_registry_is_seen(offence: str) -> None:
    assert REGISTRY_HOSTS.search(offence)
