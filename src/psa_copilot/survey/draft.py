"""A configuration to begin with, as a person would write it: every proposal with its reason beside it.

What is not sure is switched off by a `#`: taking it away is a human's word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from psa_copilot.survey.proposal import Guess, Proposal

_PLAIN = re.compile(r"[A-Za-z_][\w ./+()-]*[\w)]|[A-Za-z]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True)
class Access:
    """How one connection is entered: keys of its section, secrets as `${NAME}` or by their files."""

    name: str
    values: Mapping[str, str]


def compose(access: Access, proposal: Proposal, plugins: Sequence[str], about: str) -> str:
    """The whole file."""
    return "\n".join(_lines(access, proposal, plugins, about)) + "\n"


def _lines(access: Access, proposal: Proposal, plugins: Sequence[str], about: str) -> Iterator[str]:
    yield "# Proposed by `psa-copilot init` from the desk's own data; nothing is written to the PSA in `observe`."
    yield f"# {about}"
    yield "# A line that begins with # and no blank is a proposal that is not sure: remove the # to confirm it."
    yield ""
    yield "database: sqlite:///psa-copilot.db"
    yield ""
    yield "connections:"
    yield f"  {access.name}:"
    for key, value in access.values.items():
        yield f"    {key}: {_quoted(value)}"
    yield "    # What each status means, with the reason; an unconfirmed one stops field writes, nudges and ladders."
    yield from _statuses(proposal)
    desk = list(_desk(proposal))
    yield "    desk:" if any(not line.lstrip().startswith("#") for line in desk) else "    #desk:"
    yield from desk
    yield ""
    yield "# Each decides, and the ledger has its reason; nothing goes into the PSA until you say suggest or act."
    yield "plugins:" if plugins else "plugins: {}"
    for name in plugins:
        yield f"  {name}: {{mode: observe}}"


def _statuses(proposal: Proposal) -> Iterator[str]:
    sure = any(guess.sure for statuses in proposal.statuses.values() for guess in statuses.values())
    yield "    statuses:" if sure else "    #statuses:"
    for board, statuses in proposal.statuses.items():
        on = any(guess.sure for guess in statuses.values())
        yield f"      {'' if on else '#'}{_quoted(board)}:"
        for status, guess in statuses.items():
            mark = "" if guess.sure else "#"
            doubt = "" if guess.sure else "UNCONFIRMED, "
            yield f"        {mark}{_quoted(status)}: {guess.value}  # {doubt}{_told(guess)}"


def _desk(proposal: Proposal) -> Iterator[str]:
    yield "      # A ticket of yours that stops everything: in any other status than this, nothing is written."
    yield '      #control_ticket: {ticket: "12345", armed: New}'
    yield "      # Business hours; a board that is not named has those of `*`, and without that it is always open."
    yield from _hours(proposal.hours)
    yield "      # Who makes tickets, besides persons: plugins leave these alone, the digest folds alerts."
    yield from _origins(proposal)
    yield from _confidential(proposal.confidential)
    yield from _listed("vips", proposal.vips, "Contacts whose impact counts more.")
    yield from _listed("client_it", proposal.client_it, "Clients' own IT staff, who are no end users.")
    yield from _listed("co_managed", proposal.co_managed, "Clients whose own technicians may read internal notes.")
    yield from _listed("catch_all", proposal.catch_all, "Companies that collect what belongs to nobody.")
    if own := proposal.own_company:
        yield f"      #own_company: {_quoted(own.value)}  # UNCONFIRMED, {_told(own)}"
    if proposal.external_refs:
        yield f"      # {proposal.external_refs}: no note is written to them until you say that notes stay here."
        yield "      #mirrored: {notes: stay_here}"
    for guess in proposal.sync_users:
        yield f"      # Maybe a sync: {_comment(guess.value)}, which {_told(guess)}."


def _hours(hours: Mapping[str, Guess]) -> Iterator[str]:
    yield "      hours:" if any(guess.sure for guess in hours.values()) else "      #hours:"
    for board, guess in hours.items():
        mark, doubt = ("", "") if guess.sure else ("#", "UNCONFIRMED, ")
        key = '"*"' if board == "*" else _quoted(board)
        yield f"        # {doubt}{_told(guess)}. Add holidays: US, DE-BY, ..."
        yield f"        {mark}{key}: {guess.value}"


def _origins(proposal: Proposal) -> Iterator[str]:
    sure = any(guess.sure for kinds in proposal.origins.values() for some in kinds.values() for guess in some)
    if not proposal.origins:
        return
    yield "      origins:" if sure else "      #origins:"
    for origin, kinds in proposal.origins.items():
        on = any(guess.sure for some in kinds.values() for guess in some)
        yield f"        {'' if on else '#'}{origin.value}:"
        for kind, guesses in kinds.items():
            yield from _entries("          ", kind, guesses)


def _confidential(guesses: Sequence[Guess]) -> Iterator[str]:
    if guesses:
        yield "      # Nothing of these is quoted, counted or shown to a model; titles that sound like it never are."
        yield f"      {'' if any(guess.sure for guess in guesses) else '#'}confidential:"
        yield from _entries("        ", "board", guesses)


def _listed(name: str, guesses: Sequence[Guess], about: str) -> Iterator[str]:
    if guesses:
        yield f"      # {about}"
        yield from _entries("      ", name, guesses)


def _entries(indent: str, key: str, guesses: Iterable[Guess]) -> Iterator[str]:
    """A list, an entry a line, those switched off that are not sure."""
    guesses = list(guesses)
    yield f"{indent}{'' if any(guess.sure for guess in guesses) else '#'}{key}:"
    for guess in sorted(guesses, key=lambda guess: not guess.sure):
        mark, doubt = ("", "") if guess.sure else ("#", "UNCONFIRMED, ")
        yield f"{indent}  {mark}- {_quoted(guess.value)}  # {doubt}{_told(guess)}"


def _told(guess: Guess) -> str:
    return _comment(guess.because)


def _comment(text: str) -> str:
    """A comment is one line, whatever a name in it holds."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _quoted(text: str) -> str:
    """A YAML scalar that reads back as this very text."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS and " #" not in text:
        return text
    return str(yaml.safe_dump(text, default_style='"', width=10**6, allow_unicode=True)).strip()
