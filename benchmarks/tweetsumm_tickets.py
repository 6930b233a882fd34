"""Support conversations from TweetSumm as sandbox tickets: long threads, and a third cut too short for a recap.

    python benchmarks/tweetsumm_tickets.py --out build/tweetsumm.jsonl
    psa-copilot sandbox connectwise --tickets build/tweetsumm.jsonl --play 5

The threads are read where they lie and never become part of the project; see the data's own README for its terms.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MOST_SHORT_MESSAGES = 3
SHORT_CHARACTERS = 1000


def threads(data: Path) -> list[dict[str, Any]]:
    """All conversations of the folder, in a fixed order."""
    files = sorted((data / "threads_tweetsumm").glob("*.jsonl.gz"))
    if not files:
        raise SystemExit(f"no threads_tweetsumm/*.jsonl.gz under {data}; name the data folder as the first argument")
    texts = (gzip.decompress(file.read_bytes()).decode() for file in files)
    rows = [json.loads(line) for text in texts for line in text.splitlines()]
    return sorted(rows, key=lambda row: str(row["id"]))


def tickets(rows: list[dict[str, Any]], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` tickets, every third of them cut short."""
    chance = random.Random(seed)
    for number, row in enumerate(chance.sample(rows, min(count, len(rows)))):
        said = row["messages"]
        yield ticket(row["id"], cut(said, chance.randint(1, MOST_SHORT_MESSAGES)) if number % 3 == 2 else said)


def cut(messages: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The first messages, as many as stay under the characters that make a thread long; at least one."""
    kept = messages[:most]
    while len(kept) > 1 and sum(len(message["text"]) for message in kept) >= SHORT_CHARACTERS:
        kept = kept[:-1]
    return [kept[0] | {"text": kept[0]["text"][: SHORT_CHARACTERS - 1]}] if len(kept) == 1 else kept


def ticket(thread_id: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """One line of a `--tickets` file."""
    return {"id": thread_id, "messages": [{"role": each["role"], "text": each["text"]} for each in messages]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA, help="folder that holds threads_tweetsumm")
    parser.add_argument("--count", type=int, default=300, help="how many tickets (300)")
    parser.add_argument("--seed", type=int, default=1, help="which threads, and where they are cut (1)")
    parser.add_argument("--out", type=Path, help="the file to write (standard output)")
    args = parser.parse_args()
    lines = [json.dumps(each, ensure_ascii=False) for each in tickets(threads(args.data), args.count, args.seed)]
    text = "\n".join(lines) + "\n"
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
