"""What can go wrong, named so that the name says what to do next.

    CopilotError
    ├── ConfigError            fix the named key; exit code 2
    ├── DatabaseHeld           another process runs on this database; exit code 3
    ├── DatabaseBroken         the database file cannot be used; the message says why, and the mend
    ├── PluginBroken           a plugin or connector could not be loaded or used; names its package
    └── PsaError               a PSA did not do what we asked
        ├── NotReady           try later; `.maybe_done` when the request may have been carried out
        │   └── RateLimited    try at `.retry_after`
        ├── AuthFailed         fetch a human
        ├── NotFound           archive, once a known-good read has succeeded
        ├── Rejected           never repeat
        ├── Unsupported        do not ask
        └── Forged             a webhook that the PSA did not send

A message reads `who: could not do what: why; the fix`, for example
`main: could not list tickets: HTTP 401; check connections.main.private_key`.
"""

from datetime import datetime


class CopilotError(Exception):
    """Anything that we raise on purpose."""


class ConfigError(CopilotError):
    """A setting is wrong; the message names the key and the fix."""


class DatabaseHeld(CopilotError):
    """Another process holds the engine of this database."""


class DatabaseBroken(CopilotError):
    """The database file cannot be used: damaged, of another version, full disk, missing rights."""


class PluginBroken(CopilotError):
    """An installed plugin, connector or sandbox cannot be used; the message names its package."""


class PsaError(CopilotError):
    """A PSA did not do what we asked: who failed, doing what, why (and the fix where we know it)."""

    def __init__(self, connection: str, doing: str, why: str) -> None:
        super().__init__(f"{connection}: could not {doing}: {why}")
        self.connection, self.doing, self.why = connection, doing, why


class NotReady(PsaError):
    """The PSA is away or answers nonsense; try later."""

    def __init__(self, connection: str, doing: str, why: str, *, maybe_done: bool = False) -> None:
        super().__init__(connection, doing, why)
        self.maybe_done = maybe_done


class RateLimited(NotReady):
    """The PSA asked us to wait: no request before `retry_after`."""

    def __init__(self, connection: str, doing: str, why: str, *, retry_after: datetime) -> None:
        super().__init__(connection, doing, why)
        self.retry_after = retry_after


class AuthFailed(PsaError):
    """The PSA does not accept our credentials; a human has to look."""


class NotFound(PsaError):
    """The PSA has no such record, or hides it from us."""


class Rejected(PsaError):
    """The PSA refused this very request, in its own words; asking again changes nothing."""


class Unsupported(PsaError):
    """This PSA, or this connector, cannot do that."""


class Forged(PsaError):
    """A webhook that fails its check; nothing in it is believed."""
