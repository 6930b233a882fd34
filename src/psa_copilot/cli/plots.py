"""Plots as SVG, drawn here: they follow the page's colors by their classes, and need no script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from markupsafe import Markup

from psa_copilot.replay.figures import bins, curve, wilson
from psa_copilot.replay.scoring import Score, Week

WIDE, HIGH = 340, 236
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 24, 34
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
WANTED = 0.85
"""What a plugin has to reach before it may act."""
ROW, NAME = 26, 128
NAME_LETTERS = 19
NO_FEWER = 12
"""Tickets: what fewer of them say is not drawn in a curve."""


def reliability(score: Score) -> Markup:
    """How often it was right where it was so sure; on the line, confidence can be taken at its word."""
    found = bins(score.sure)
    most = max((one.count for one in found), default=1)
    marks = [_path(f"M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}", "ideal")]
    for one in found:
        low, high = wilson(round(one.accuracy * one.count), one.count)
        size, x = 3 + 7 * (one.count / most) ** 0.5, _x(one.confidence)
        title = _tag("title", f"so sure: {one.confidence:.0%}; right: {one.accuracy:.0%} of {one.count:,}")
        marks.append(_path(f"M{x} {_y(low)}V{_y(high)}", "whisker"))
        marks.append(_tag("circle", title, class_="dot", cx=x, cy=_y(one.accuracy), r=round(size, 1)))
    return _framed("how sure it was", "how often it was right", marks, "Reliability")


def trade(score: Score, bar: float | None) -> Markup:
    """What each bar decides, and how much of that is right."""
    whole = score.decided + score.abstained
    steps = [one for one in curve(score.offered) if one.count >= NO_FEWER]
    points = " ".join(f"{_x(one.count / whole)},{_y(one.accuracy)}" for one in steps)
    marks = [_path(f"M{_x(0)} {_y(WANTED)}H{_x(1)}", "wanted"), _text("85 %", _x(1), _y(WANTED) - 4, anchor="end")]
    marks.append(_tag("polyline", class_="curve", points=points))
    return _framed("share of tickets", "right of those", [*marks, *_at_bar(score, bar, whole)], "Coverage and accuracy")


def _at_bar(score: Score, bar: float | None, whole: int) -> Iterator[Markup]:
    over = [right for confidence, right in score.offered if bar is not None and confidence >= bar]
    if bar is None or not over:
        return
    x, y = _x(len(over) / whole), _y(sum(over) / len(over))
    left = x > WIDE * 0.6
    yield _tag("circle", class_="chosen", cx=x, cy=y, r=5)
    yield _text(f"bar {bar:.2f}", x + (-9 if left else 9), y + 16, "mark", "end" if left else "start")


def boards(scores: Sequence[Score]) -> Markup:
    """Accuracy on each board with its interval."""
    high = TOP + ROW * len(scores) + BOTTOM
    marks = [mark for place, one in enumerate(scores) for mark in _board(one, TOP + ROW * place + ROW // 2)]
    grid = [_path(f"M{_across(tick)} {TOP}V{high - BOTTOM}", "grid") for tick in TICKS]
    words = [_text(f"{tick:.0%}", _across(tick), high - BOTTOM + 15, "tick", "middle") for tick in TICKS]
    wanted = _path(f"M{_across(WANTED)} {TOP}V{high - BOTTOM}", "wanted")
    return _svg(high, [*grid, *words, wanted, *marks], "Accuracy of each board, with its 95 % interval")


def _board(one: Score, y: int) -> Iterator[Markup]:
    name = one.board if len(one.board) <= NAME_LETTERS else f"{one.board[: NAME_LETTERS - 1]}…"
    title = _tag("title", f"{one.board}: {one.right:,} of {one.decided:,} right")
    yield _tag("text", title, name, class_="name", x=NAME - 8, y=y + 4)
    if one.accuracy is not None and one.low is not None and one.high is not None:
        yield _path(f"M{_across(one.low)} {y}H{_across(one.high)}", "whisker thick")
        yield _tag("circle", class_="dot", cx=_across(one.accuracy), cy=y, r=4.5)


def timeline(found: Sequence[Week]) -> Markup:
    """Week by week: right, wrong, left to people."""
    most = max((one.right + one.wrong + one.abstained for one in found), default=1) or 1
    step = (WIDE - LEFT - RIGHT) / max(len(found), 1)
    marks = [_path(f"M{LEFT} {TOP}H{WIDE - RIGHT}", "grid"), _text(f"{most:,}", LEFT - 6, TOP + 4, "tick", "end")]
    marks += [part for place, one in enumerate(found) for part in _column(one, LEFT + step * place, step, most)]
    for place in range(0, len(found), max(1, round(len(found) / 5))):
        x = round(LEFT + step * (place + 0.5), 1)
        marks.append(_text(f"{found[place].begins:%d %b}", x, HIGH - BOTTOM + 15, "tick", "middle"))
    return _svg(HIGH, [*marks, _path(f"M{LEFT} {HIGH - BOTTOM}H{WIDE - RIGHT}", "axis")], "Tickets of each week")


def _column(one: Week, x: float, step: float, most: int) -> Iterator[Markup]:
    y, wide = float(HIGH - BOTTOM), max(2.0, min(step * 0.72, 34.0))
    at = round(x + (step - wide) / 2, 1)
    for kind, count in (("right", one.right), ("wrong", one.wrong), ("left", one.abstained)):
        tall = count / most * (HIGH - TOP - BOTTOM)
        y -= tall
        title = _tag("title", f"week of {one.begins:%d %b}: {count:,} {'left to people' if kind == 'left' else kind}")
        if count:
            yield _tag("rect", title, class_=kind, x=at, y=round(y, 1), width=round(wide, 1), height=round(tall, 1))


# -- what all of them are made of --------------------------------------------------------------------------------


def _framed(below: str, beside: str, marks: Iterable[Markup], name: str) -> Markup:
    grid = [_path(f"M{_x(0)} {_y(tick)}H{_x(1)}", "grid") for tick in TICKS]
    words = [_text(f"{tick:.0%}", LEFT - 6, _y(tick) + 4, "tick", "end") for tick in TICKS]
    words += [_text(f"{tick:.0%}", _x(tick), HIGH - BOTTOM + 15, "tick", "middle") for tick in TICKS]
    words.append(_text(f"{below} →", WIDE - RIGHT, HIGH - 4, anchor="end"))
    words.append(_text(f"↑ {beside}", LEFT - 30, TOP - 12))
    return _svg(HIGH, [*grid, *words, *marks], name)


def _svg(high: int, parts: Iterable[Markup], name: str) -> Markup:
    return _tag("svg", *parts, viewBox=f"0 0 {WIDE} {high}", role="img", aria_label=name)


def _path(way: str, kind: str) -> Markup:
    return _tag("path", class_=kind, d=way)


def _text(said: str, x: float, y: float, kind: str = "small", anchor: str = "start") -> Markup:
    return _tag("text", said, class_=kind, text_anchor=anchor, x=x, y=y)


def _tag(name: str, *inside: str, **given: object) -> Markup:
    """An element; what is inside and what is given is escaped unless it is markup already."""
    told = (Markup(' {}="{}"').format(key.strip("_").replace("_", "-"), value) for key, value in given.items())
    return Markup("<{0}{1}>{2}</{0}>").format(name, Markup("").join(told), Markup("").join(inside))


def _x(share: float) -> float:
    return round(LEFT + share * (WIDE - LEFT - RIGHT), 1)


def _y(share: float) -> float:
    return round(HIGH - BOTTOM - share * (HIGH - TOP - BOTTOM), 1)


def _across(share: float) -> float:
    return round(NAME + share * (WIDE - NAME - RIGHT - 6), 1)
