"""The scorecard of a replay as one page: what would have been right, how sure that is, and what it is silent on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from psa_copilot.cli import pages, plots
from psa_copilot.cli.replay import about
from psa_copilot.replay.scoring import Report, Score, weeks

ON_PLOT = 16
"""Boards that are drawn; the table has them all."""
NOTHING = (
    "On this past no plugin was sure enough to decide anything. That is an answer too: nothing would have gone wrong."
)
_BAR = re.compile(r"bar (\d\.\d+)")


@dataclass(frozen=True)
class Card:
    """One plugin's field on the page."""

    score: Score
    boards: Sequence[Score]
    mode: str
    says: str
    plots: Sequence[tuple[str, str, Markup]]
    """Title, what it shows in a sentence, and the picture."""


def page(made: Report) -> str:
    """The page."""
    cards = [_card(made, score) for score in made.of_all_boards()]
    answered = [card for card in cards if card.score.decided or card.score.sure]
    empty = [card for card in cards if card not in answered]
    return pages.render(
        "replay.html", made=made, cards=answered, empty=empty, first=_first(answered), about=about(made)
    )


def _card(made: Report, score: Score) -> Card:
    mode, _, says = score.recommend.partition(":" if score.recommend.startswith("observe") else ",")
    return Card(score, made.of_boards(score), mode, says.strip(), _plots(made, score) if score.answers else ())


def _plots(made: Report, score: Score) -> list[tuple[str, str, Markup]]:
    told = _BAR.search(score.recommend)
    bar = float(told[1]) if told else None
    found = []
    if score.sure:
        said = "On the line, its confidence can be taken at its word; below it, it is too sure of itself."
        found.append(("Is it as often right as it says?", f"{said} ECE {score.ece:.3f}.", plots.reliability(score)))
        said = (
            "Each point of the curve is a bar: the higher it is, the fewer tickets it decides, and the more are right."
        )
        found.append(("What does a bar cost and bring?", said, plots.trade(score, bar)))
    drawn = [one for one in made.of_boards(score) if one.decided][:ON_PLOT]
    if drawn:
        said = "A dot is the share that was right, the line its 95 % interval: few tickets make a long line."
        found.append(("Board by board", said, plots.boards(drawn)))
    said = "Right, wrong, and left to people. It learned on the way, from what was known by then."
    found.append(("Week by week", said, plots.timeline(weeks(score.answers))))
    return found


def _first(cards: Sequence[Card]) -> str:
    """The sentence that the page begins with: the field that it decided most of."""
    decided = [card.score for card in cards if card.score.decided]
    if not decided:
        return NOTHING
    best = max(decided, key=lambda one: one.decided)
    low, high = best.low or 0.0, best.high or 0.0
    return (
        f"Of {best.decided + best.abstained:,} tickets, {best.plugin} would have chosen the {best.field} of"
        f" {best.decided:,}: {best.right:,} as people did in the end, {best.wrong:,} not. That is {best.accuracy:.0%}"
        f" right (95 % interval {low:.0%} to {high:.0%}). It left {best.abstained:,} to you."
    )
