"""Pages for people: the digest and the technicians' leaflet, as HTML that needs nothing else, and as text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

if TYPE_CHECKING:
    from psa_copilot.config import Config
    from psa_copilot.survey.values import Digest

AT_ONCE = 12
"""Tickets of a finding that are seen without a click, and on paper."""
ON_PAGE = 250


def digest(made: Digest) -> str:
    """The digest as one page."""
    return _template("digest.html").render(made=made, about=about(made), at_once=AT_ONCE, on_page=ON_PAGE)


def about(made: Digest) -> str:
    """What the digest looked at, and what it is silent on."""
    counts = made.counts
    told = [f"{counts.open:,} open tickets of {', '.join(made.connections)}", f"{counts.alerts:,} of them alerts"]
    told += [f"messages of {counts.unread:,} not read yet"] * bool(counts.unread)
    told += [f"{counts.confidential:,} confidential, only counted"] * bool(counts.confidential)
    told += [f"{counts.stopped:,} on stop lists, left out"] * bool(counts.stopped)
    return f"{'; '.join(told)}. Nothing was written to the PSA."


@dataclass(frozen=True)
class Told:
    """What the leaflet knows of this desk."""

    plugins: tuple[tuple[str, str], ...] = ()
    """Name and mode of each."""
    control: tuple[tuple[str, str], ...] = ()
    """Number of each control ticket, and the status in which the copilot may write."""
    commanders: tuple[str, ...] = ()


def told_of(config: Config | None, control: str) -> Told:
    """What this configuration says to technicians."""
    if config is None:
        return Told(control=((control, ""),) if control else ())
    desks = [one.settings.desk for one in config.connections.values()]
    tickets = tuple((one.control_ticket.ticket, one.control_ticket.armed) for one in desks if one.control_ticket)
    return Told(
        plugins=tuple((name, one.settings.mode) for name, one in config.plugins.items()),
        control=((control, ""),) if control else tickets,
        commanders=tuple(sorted({name for one in desks for name in one.commanders})),
    )


def leaflet_page(told: Told) -> str:
    """The leaflet, to print."""
    return _template("leaflet.html").render(told=told)


def leaflet_text(told: Told) -> str:
    """The leaflet as text."""
    return _template("leaflet.txt").render(told=told)


@cache
def _environment() -> Environment:
    from psa_copilot.survey.values import span

    folder = Path(__file__).with_name("templates")
    found = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"span": span, "safe_link": _safe_link, "day": _day}
    return found


def render(name: str, **told: object) -> str:
    """A page by its template."""
    return _template(name).render(**told)


def _template(name: str) -> Template:
    return _environment().get_template(name)


def _safe_link(link: str) -> str:
    """A link that a browser may follow; nothing for anything but the web."""
    return link if link.startswith(("https://", "http://")) else ""


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%A %d %B %Y, %H:%M UTC")
