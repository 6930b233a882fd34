"""How good the judgement is, on data with known answers: predictions for a scorer, by the code that the plugins use.

    python benchmarks/quality.py routing --train train.jsonl.gz --test dev.jsonl.gz --out pred.jsonl

One line is written for each row of the test file (`injection-twins`: two), in the test file's order. Nothing but the
inputs of a test row is read; the right answers need not be in it. There is no network unless `--model` is given.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.asking import Mind, acted_on, mind  # noqa: E402 - found by the line above
from psa_copilot import ActorClass, Best, Message, Ref, Thread, Ticket  # noqa: E402
from psa_copilot.text import picker  # noqa: E402
from psa_copilot.text.choosing import Case, Example  # noqa: E402
from psa_copilot.text.classifier import Classifier  # noqa: E402
from psa_copilot.text.injection import Detector  # noqa: E402
from psa_copilot.text.outcome import Risk  # noqa: E402
from psa_copilot.text.personal import find_identifiers  # noqa: E402
from psa_copilot.text.similarity import Index  # noqa: E402

Row = Mapping[str, Any]
Told = Callable[[str | None], Any]
"""Gives a label back as the training rows write it: a number stays one."""
CANDIDATES = 20
TOP = 5
YES, NO = frozenset(("true", "yes", "y", "t", "on")), frozenset(("false", "no", "n", "f", "off"))
KNOWN_AT_OPENING = ("contact_type", "location", "caller", "opened_by")
THREAD_TITLES = ("subject", "short_description", "title")
"""Not `summary`: beside messages it may be the answer."""
TITLES = ("subject", "summary", "short_description", "title")
TEXTS = ("body", "description", "clean_description")


@dataclass(frozen=True)
class Work:
    """What a task works on."""

    train: list[Row]
    test: list[Row]
    field: str | None
    mind: Mind

    def label_of(self, default: str) -> Callable[[Row], str]:
        """Reads the label of a training row."""
        name = self.field or default
        return lambda row: "" if row.get(name) is None else str(row[name])

    def truths(self, default: str) -> tuple[list[Row], list[bool]]:
        """The training rows that say yes or no, and what they say."""
        said = [(row, is_yes(row.get(self.field or default))) for row in self.train]
        unread = sum(yes is None for _, yes in said)
        if unread:
            print(f"{unread} training rows say neither yes nor no as {self.field or default}", file=sys.stderr)
        return [row for row, yes in said if yes is not None], [yes for _, yes in said if yes is not None]


def is_yes(value: Any) -> bool | None:
    """What a label says, however it is written; None where it says neither yes nor no."""
    written = str("" if value is None else value).strip().lower()
    try:
        number = float(written)
    except ValueError:
        return True if written in YES else False if written in NO else None
    return None if math.isnan(number) else number != 0


def routing(work: Work) -> Iterator[dict[str, Any]]:
    """A value of `--field` for each ticket, with what else is likely and how sure that is."""
    classifier, told = _classifier(work)
    for row in work.test:
        best = work.mind.choose(classifier, case_of(row), thread_of(row))
        yield {
            "id": row["id"],
            "label": told(best.value if best else None),
            "topk": [told(value) for value in _first_of(best)] if best else [],
            "confidence": round(best.confidence, 4) if best else 0.0,
            "decided": best is not None and not best.abstains,
        }


def _first_of(best: Best) -> list[str]:
    """The value and the likeliest others."""
    others = [label for label, _ in best.ranked if label != best.value]
    return [best.value, *others][:TOP]


def _classifier(work: Work) -> tuple[Classifier, Told]:
    known = [name for name in ("assignment_group", "label") if any(name in row for row in work.train)]
    name = work.field or (known[0] if known else "assignment_group")
    label = work.label_of(name)
    written = {label(row): row.get(name) for row in reversed(work.train)}
    examples = [Example(str(row.get("id", "")), case_of(row), label(row)) for row in work.train]
    return Classifier.fit(examples), lambda value: None if value is None else written.get(value, value)


def duplicates(work: Work) -> Iterator[dict[str, Any]]:
    """Earlier reports that are like each report, best first, and how alike the best one is."""
    index = Index()
    found: dict[int, dict[str, Any]] = {}
    for place in sorted(range(len(work.test)), key=lambda place: _arrival(work.test[place])):
        row = work.test[place]
        case = case_of(row)
        similar = index.search(case.title, case.text, CANDIDATES)
        index.add(str(place), case.title, case.text)
        earlier = [work.test[int(each.key)]["id"] for each in similar]
        found[place] = {"id": row["id"], "candidates": earlier, "score": round(similar[0].score, 4) if similar else 0.0}
    yield from (found[place] for place in range(len(work.test)))


def _arrival(row: Row) -> tuple[float, str]:
    """Sorts by `created`, the ones without it first; ties stay in the file's order, which is that of arrival."""
    created = row.get("created")
    return (float(created), "") if isinstance(created, int | float) else (0.0, str(created or ""))


def summary(work: Work) -> Iterator[dict[str, Any]]:
    """A few sentences for each thread, picked by weights from the training threads, or by hand without them."""
    weights = picker.learn((thread_of(row), references_of(row)) for row in work.train)
    for row in work.test:
        thread = thread_of(row)
        told = work.mind.recap(thread) if work.mind.has_model else picker.summary(thread, weights)
        yield {"id": row["id"], "summary": told}


def references_of(row: Row) -> list[str]:
    """What people wrote as its summary."""
    written = row.get("references") or []
    return [str(each) for each in ([written] if isinstance(written, str) else written) if each]


def injection_detect(work: Work) -> Iterator[dict[str, Any]]:
    """How likely each text gives orders to software; 0.5 and more is a hint."""
    known, truth = work.truths("label")
    detector = Detector.fit([_said(row) for row in known], truth)
    scores = detector.scores([_said(row) for row in work.test])
    yield from ({"id": row["id"], "score": round(score, 4)} for row, score in zip(work.test, scores, strict=True))


def _said(row: Row) -> str:
    return case_of(row).whole.strip()


def injection_twins(work: Work) -> Iterator[dict[str, Any]]:
    """Value and summary of each ticket, clean and attacked. Priority is never chosen from text alone."""
    classifier, told = _classifier(work)
    for row in work.test:
        for variant in ("clean", "attacked"):
            title = case_of(row).title
            case = Case(title, str(row.get(f"{variant}_description") or ""), case_of(row).contact)
            thread = thread_of({"id": row["id"], "short_description": title, "description": case.text})
            best = work.mind.choose(classifier, case, thread)
            brief = picker.brief(case.title, case.text, classifier.labels)
            yield {
                "id": row["id"],
                "variant": variant,
                "group": None if classifier.decide(case).steered else told(acted_on(best)),
                "priority": None,
                "summary": work.mind.recap(thread) if work.mind.has_model else brief,
                "flagged": best is not None and best.orders > 0,
            }


def outcome(work: Work) -> Iterator[dict[str, Any]]:
    """The chance of `--field` for each ticket, from what is known when it opens."""
    known, truth = work.truths("sla_breached")
    risk = Risk.fit([_facts(row) for row in known], [_opened(row) for row in known], truth)
    for row in work.test:
        yield {"id": row["id"], "score": round(risk.chance(_facts(row), _opened(row)), 4)}


def _facts(row: Row) -> dict[str, str]:
    """The columns that are known at opening, and no other."""
    names = [name for name in row if (name.startswith("open_") or name in KNOWN_AT_OPENING)]
    return {name: str(row[name]) for name in sorted(names) if row[name] not in (None, "")}


def _opened(row: Row) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(row.get("opened_at")))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def pii(work: Work) -> Iterator[dict[str, Any]]:
    """Where direct identifiers stand in each text."""
    for row in work.test:
        text = _first(row, "text", *TEXTS, *TITLES)
        spans = [[found.start, found.end, found.kind] for found in find_identifiers(text)]
        yield {"id": row["id"], "spans": spans}


TASKS: dict[str, Callable[[Work], Iterable[dict[str, Any]]]] = {
    "duplicates": duplicates,
    "injection-detect": injection_detect,
    "injection-twins": injection_twins,
    "outcome": outcome,
    "pii": pii,
    "routing": routing,
    "summary": summary,
}


def case_of(row: Row) -> Case:
    """Title, text and contact of a row, by whichever names it has; what is missing or empty is left out."""
    contact = _first(row, "caller", "contact")
    said = "\n".join(str(message.get("text") or "") for message in messages_of(row))
    if said.strip():
        return Case(_first(row, *THREAD_TITLES), said, contact)
    if _first(row, "text"):
        return Case("", _first(row, "text"), contact)
    return Case(_first(row, *TITLES), _first(row, *TEXTS), contact)


def _first(row: Row, *names: str) -> str:
    """The first of these columns that holds anything."""
    return next((str(row[name]) for name in names if str(row.get(name) or "").strip()), "")


def messages_of(row: Row) -> list[Row]:
    """What was said, in order; a bare text is a message of a customer."""
    said = row.get("messages") or []
    return [each if isinstance(each, dict) else {"text": each} for each in said if each]


ROLES = {"customer": ActorClass.CUSTOMER, "agent": ActorClass.TECHNICIAN, "system": ActorClass.SYSTEM}


def thread_of(row: Row) -> Thread:
    """A row as a thread; whoever is neither agent nor system is a customer, by name. Times are invented, in order."""
    ref, start = Ref(connection="main", remote_id="1"), datetime(2026, 1, 1, tzinfo=UTC)
    said = messages_of(row) or [{"role": "customer", "text": case_of(row).text}]
    messages = tuple(
        Message(
            remote_id=str(number),
            ticket=ref,
            by=ROLES.get(str(each.get("role")), ActorClass.CUSTOMER),
            author="" if str(each.get("role")) in ROLES else str(each.get("role") or ""),
            text=str(each.get("text") or ""),
            sent_at=start + timedelta(minutes=number),
        )
        for number, each in enumerate(said, 1)
    )
    title = case_of(row).title
    ticket = Ticket(ref=ref, number="1", title=title, opened_at=start, updated_at=start)
    return Thread(id="main/1", revision=len(messages), tickets=(ticket,), messages=messages)


def rows(path: Path) -> list[Row]:
    """The objects of a JSON lines file, packed or not."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    return [whole(json.loads(line)) for line in text.split("\n") if line.strip()]


def whole(said: Any) -> Any:
    """The same without halves of characters, which some exports hold and no file can; nothing moves."""
    if isinstance(said, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", said)
    if isinstance(said, dict):
        return {name: whole(each) for name, each in said.items()}
    return [whole(each) for each in said] if isinstance(said, list) else said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("--train", type=Path, action="append", default=[], help="may be repeated or left out")
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--field", help="the label in the training rows")
    parser.add_argument("--model", default="", help="a model to ask besides, as litellm names it; else none")
    parser.add_argument("--api-base", default="", help="where it answers")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with mind(args.model, args.api_base) as asked, args.out.open("w", encoding="utf-8") as file:
        work = Work([row for path in args.train for row in rows(path)], rows(args.test), args.field, asked)
        _warn_of_bare(work.test)
        for line in TASKS[args.task](work):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    print(f"{args.task}: {count} predictions in {args.out}", file=sys.stderr)


def _warn_of_bare(test: Sequence[Row]) -> None:
    """A name that is not known here would else be seen in the scores only."""
    bare = [row for row in test if not (case_of(row).whole.strip() or any(name.startswith("open") for name in row))]
    if bare:
        known = ", ".join(("messages", "text", *TITLES, *TEXTS))
        print(
            f"{len(bare)} test rows say nothing, the first is {bare[0].get('id')!r}; read are {known}", file=sys.stderr
        )


if __name__ == "__main__":
    main()
