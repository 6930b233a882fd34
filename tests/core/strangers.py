"""Packages of strangers, installed as pip would leave them: modules, metadata, entry points."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

CONNECTOR = """
    from collections.abc import AsyncIterator
    from pydantic import SecretStr
    from psa_copilot import ConnectionSettings, Connector, Setting

    class Keys(ConnectionSettings):
        company: str = Setting(description="The company to sign in to.")
        public_key: str = Setting(description="The public half of the key.")
        private_key: SecretStr = Setting(description="The private half of the key.")

    class Desk(Connector):
        name = "desk"
        Settings = Keys

        async def known_good(self): ...
        async def check(self): return []
        async def directory(self): ...
        def changes(self, since): ...
        def cursor_at(self, moment): return ""
        async def pull(self, ref): ...
        async def messages(self, ticket): ...
        async def ticket(self, ref): ...
        def ids(self): ...
        async def history(self, ref): return []
        async def apply(self, ref, action, marker): ...
        async def find(self, ref, action, marker): ...
        async def read_webhook(self, delivery): return []
        async def register_webhooks(self, url): ...
"""

PLUGIN = """
    from psa_copilot import Plugin, PluginSettings, Setting

    class Patience(PluginSettings):
        after_messages: int = Setting(4, ge=1, description="Stay silent on shorter threads.")

    class Nudge(Plugin):
        name = "nudge"
        Settings = Patience

        async def run(self, change, thread, tools):
            return []
"""


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self, package: str, module: str, code: str, entries: Mapping[str, Mapping[str, str]], version: str = "1.2"
    ) -> None:
        """One package with one module; `entries` maps group to name to object."""
        (self.folder / f"{module}.py").write_text(dedent(code))
        info = self.folder / f"{package.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        lines = [
            f"[psa_copilot.{group}]\n" + "\n".join(f"{name} = {value}" for name, value in named.items())
            for group, named in entries.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

    def install_desk(self) -> None:
        """A connector `desk` that needs keys, and a plugin `nudge`."""
        self.install("stranger-desk", "stranger_desk", CONNECTOR, {"connectors": {"desk": "stranger_desk:Desk"}})
        self.install("stranger-nudge", "stranger_nudge", PLUGIN, {"plugins": {"nudge": "stranger_nudge:Nudge"}})
