"""Switches: what a real server may do either way, and what a test wants done on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from psa_copilot.clock import duration

Value = bool | float | str

_BOOLEANS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


@dataclass(frozen=True)
class Switch:
    """One thing that can be set while the sandbox runs; the default's type is the switch's type."""

    name: str
    default: Value
    doc: str
    choices: tuple[str, ...] = ()
    kind: str = ""  # `skew`: a signed duration

    def read(self, given: object) -> Value:
        """The value meant by `given`, which may be text from a command line."""
        if isinstance(self.default, bool):
            return self._boolean(given)
        if isinstance(self.default, float):
            return self._number(given)
        if self.choices and str(given) not in self.choices:
            raise ValueError(f"switch {self.name}: {given!r} is none of {', '.join(self.choices)}")
        if self.kind == "skew" and given:
            duration(str(given).lstrip("+-"))
        return str(given)

    def _boolean(self, given: object) -> bool:
        try:
            return _BOOLEANS[str(given).lower()]
        except KeyError:
            raise ValueError(f"switch {self.name}: {given!r} is neither true nor false") from None

    def _number(self, given: object) -> float:
        try:
            number = float(str(given))
        except ValueError:
            raise ValueError(f"switch {self.name}: {given!r} is no number") from None
        if not 0 <= number < float("inf"):
            raise ValueError(f"switch {self.name}: {given!r} must be 0 or more")
        return number


COMMON = (
    Switch("rate_limit", 0.0, "Requests that are answered in any 60 seconds of the sandbox's time; 0 is no limit."),
    Switch("retry_after", 30.0, "Seconds that a 429 asks the client to wait."),
    Switch("late_commit", 0.0, "A write is cut off without an answer and commits so many real seconds later."),
    Switch("late_commit_times", 0.0, "How many writes late_commit concerns, from now on; 0 is all."),
    Switch("date_header", "", "Answers carry a Date so far off the clock: 0s, +90s, -5m; empty is none.", kind="skew"),
)


class Switches:
    """The switches of one sandbox and how they stand."""

    def __init__(self, declared: Iterable[Switch]) -> None:
        self._declared = {switch.name: switch for switch in declared}
        self._values = {switch.name: switch.default for switch in self._declared.values()}

    def set(self, name: str, given: object) -> None:
        """Set one switch; ValueError names the fix."""
        if name not in self._declared:
            near = get_close_matches(name, self._declared, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self._declared)}"
            raise ValueError(f"unknown switch {name}; {hint}")
        self._values[name] = self._declared[name].read(given)

    def on(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self._values[name])

    def number(self, name: str) -> float:
        """What a switch with a number says."""
        return float(self._values[name])

    def text(self, name: str) -> str:
        """What a switch with words says."""
        return str(self._values[name])

    def listed(self) -> dict[str, dict[str, object]]:
        """Every switch with its value and what it does."""
        return {
            name: {"value": self._values[name], "default": switch.default, "doc": switch.doc}
            | ({"choices": list(switch.choices)} if switch.choices else {})
            for name, switch in self._declared.items()
        }
