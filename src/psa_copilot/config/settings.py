"""What a config holds once it is read: frozen values, and what may be said about them in a log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StringConstraints

from psa_copilot.clock import LOOPBACK
from psa_copilot.config import against
from psa_copilot.connector import ConnectionSettings, Connector, Duration, Setting
from psa_copilot.llm import LlmSettings
from psa_copilot.models import Directory
from psa_copilot.plugin import Plugin, PluginSettings


def _on_this_machine(listen: str) -> str:
    host, colon, port = listen.rpartition(":")
    if not (colon and port.isdecimal() and int(port) < 2**16):
        raise ValueError(f"{listen!r} is no address; write 127.0.0.1:PORT")
    if host.strip("[]") not in LOOPBACK:
        raise ValueError(f"{host!r} is open to others; write 127.0.0.1 and put a reverse proxy in front")
    return listen


class Section(BaseModel):
    """The base of the file's own sections."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Web(Section):
    """Where the daemon can be reached."""

    listen: Annotated[str, AfterValidator(_on_this_machine)] = Setting(
        "127.0.0.1:8080", description="Address and port; on this machine only."
    )
    url: str = Setting("", description="The daemon's public root; left out: no webhook is registered.")
    token: SecretStr | None = Setting(None, description="The API token; left out: made at the first start.")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


Name = Annotated[str, StringConstraints(min_length=1)]


class StopLists(Section):
    """Tickets that nothing is ever written to; each entry is the PSA's own label."""

    status: tuple[Name, ...] = Setting((), description="Statuses, on any board.")
    board: tuple[Name, ...] = Setting((), description="Boards.")
    company: tuple[Name, ...] = Setting((), description="Companies.")
    contact: tuple[Name, ...] = Setting((), description="Contacts.")
    assignee: tuple[Name, ...] = Setting((), description="Technicians, by their identifier.")
    source: tuple[Name, ...] = Setting((), description="Sources, as the PSA names them.")
    category: tuple[Name, ...] = Setting((), description="Categories, or their first parts: the ticket's type.")


class Keep(Section):
    """How long what is not needed any more is kept; left out: for ever."""

    messages: Duration | None = Setting(None, description="Texts of the messages of closed tickets.")
    events: Duration | None = Setting(None, description="History of fields and messages.")
    ledger: Duration | None = Setting(None, description="Decisions and their reasons.")
    inbox: Duration | None = Setting(None, description="Webhooks as they arrived.")


@dataclass(frozen=True)
class Connection:
    """One PSA tenant to connect to."""

    name: str
    connector_class: type[Connector]
    settings: ConnectionSettings


@dataclass(frozen=True)
class EnabledPlugin:
    """One plugin to run, under the name of its entry."""

    name: str
    plugin_class: type[Plugin]
    settings: PluginSettings


@dataclass(frozen=True, repr=False)
class Config:
    """The whole file, checked."""

    path: Path
    database_path: Path
    web: Web
    connections: Mapping[str, Connection]
    plugins: Mapping[str, EnabledPlugin]
    stop: StopLists
    keep: Keep
    llm: LlmSettings | None = None
    warnings: tuple[str, ...] = ()
    """What is unwise, though it works; each a line for the log."""

    def summary(self) -> dict[str, object]:
        """What a log may say."""
        return {
            "config": str(self.path),
            "database": str(self.database_path),
            "listen": self.web.listen,
            "connections": {name: one.settings.use for name, one in self.connections.items()},
            "plugins": {name: one.settings.mode for name, one in self.plugins.items()},
            "model": self.llm.model if self.llm else "none",
        }

    def check_against(self, directories: Mapping[str, Directory]) -> list[str]:
        """Boards, statuses and priorities named in the file that their PSA does not have, one line each."""
        statuses = {name: one.settings.statuses for name, one in self.connections.items()}
        whens = {name: one.settings.when for name, one in self.plugins.items()}
        return [
            *against.stop_lists(self.stop.status, self.stop.board, directories, all_of=set(self.connections)),
            *against.statuses(statuses, directories),
            *against.whens(whens, directories, all_of=set(self.connections)),
        ]

    def __repr__(self) -> str:
        return f"Config({self.summary()})"
