"""A recap without a model: the thread's own sentences, quoted, each with the number of its message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from psa_copilot.models import ActorClass, Meaning, Thread
from psa_copilot.text.caution import is_secret
from psa_copilot.text.clean import own_words
from psa_copilot.text.reading import Reading, Sentence, numbered, read, side, weigh, worth

FIRST_LINE = 100
WHOLE = 900
FEWEST_WORDS = 8
MOST_SINCE = 3
MOST_BACK = 4
"""Messages that a promise may lie back and still be the next step."""
WORTH_SAYING = 1.0
MOST_LISTED = 5
ELLIPSIS = "…"

# Most characters of one quotation; the next one is tried while the note is too long.
_ROOMS = (200, 160, 130, 100, 70, 45)
_STANDS = (
    Meaning.SCHEDULED,
    Meaning.WAITING_ON_CUSTOMER,
    Meaning.WAITING_ON_VENDOR,
    Meaning.WAITING_INTERNAL,
    Meaning.RESOLVED,
    Meaning.CLOSED,
)
_CITED = re.compile(r"\[#(\d+)\]")
_QUOTED = re.compile(r'"([^"]*)"')
_SCHEME = re.compile(r"\bhttps?://", re.IGNORECASE)


def cited(note: str, thread: Thread) -> tuple[str, ...]:
    """Keys of the messages that a note cites, oldest first."""
    numbers = {int(number) for number in _CITED.findall(note)}
    return tuple(message.key for number, message in numbered(thread) if number in numbers)


def recap(thread: Thread) -> str:
    """The recap of a thread in the shape of a note, without the marker line."""
    note = _Note(thread, read(thread))
    for room in _ROOMS:
        text = note.written(room)
        if len(text) <= WHOLE:
            break
    return text


class _Note:
    """The lines of one recap; a sentence that one line quotes is not quoted by the next."""

    def __init__(self, thread: Thread, reading: Reading) -> None:
        self.thread, self.reading = thread, reading
        weights = weigh(reading.sentences)
        self.worth = {sentence: worth(sentence, weights) for sentence in reading.sentences}

    def written(self, room: int) -> str:
        self.room, self.used = room, set[Sentence]()
        first = self._first()
        problem, next_step, question, last = self._problem(), self._next_step(), self._open(), self._last_word()
        ends = [next_step, question, last, *self._cautions()]
        since = self._since(WHOLE - sum(len(line) + 1 for line in (first, problem, *ends)))
        lines = [line for line in (first, problem, since, *ends) if line]
        return "\n".join([*lines, *self._too_little("\n".join(lines))])

    def _first(self) -> str:
        """State and next step, as far as an extract can tell: how it stands, and who said or asked what last."""
        start = f"Recap: (extract) {self._stands()}"
        if self.reading.last is None:
            return f"{start}nobody has said anything."
        number, message = self.reading.last
        sentence = self._telling(number)
        if sentence is None:
            return f"{start}{side(message)} spoke last, see [#{number}]."
        start += f"{side(message)} {'asks' if sentence.asks else 'spoke last'}: "
        quoted = quote(sentence, FIRST_LINE - len(start) - 1)
        if ELLIPSIS not in quoted:
            self.used.add(sentence)
        return f"{start}{quoted}."

    def _stands(self) -> str:
        meaning = self.thread.ticket.meaning
        if meaning in _STANDS:
            return f"{meaning}; "
        return "closed; " if self.thread.ticket.is_closed else ""

    def _telling(self, number: int) -> Sentence | None:
        """The sentence of a message that says most about what is next: a question, a promise, else the best."""
        return max(
            self.reading.of(number),
            key=lambda sentence: (sentence.asks, sentence.promises, self.worth[sentence]),
            default=None,
        )

    def _problem(self) -> str:
        best = self._best(self._opening(), 1)
        if best and len(best[0].text) < self.room / 2:
            more = [each for each in self._opening() if each is best[0] or (each.length > 2 and not each.chats)]
            best = self._best(more, 2)
        self.used.update(best)
        if best:
            return f"Problem: {self._quotes(best)}."
        hidden = [number for number in self._opening_numbers() if number in self.reading.personal]
        return f"Problem: personal matter, see {_list(hidden)}." if hidden else "Problem: not stated."

    def _opening(self) -> list[Sentence]:
        return [sentence for sentence in self._unused() if sentence.number in self._opening_numbers()]

    def _opening_numbers(self) -> list[int]:
        """What was said before anybody answered."""
        said: list[int] = []
        for number, message in self.reading.messages:
            if message.by is ActorClass.TECHNICIAN and said:
                break
            said.append(number)
        return said

    def _since(self, room: int) -> str:
        """The best of what was said between the problem and the last word."""
        answers = [each for each in self._since_opening() if each.message.by is ActorClass.TECHNICIAN]
        chosen = self._best(self._since_opening(), MOST_SINCE, first=self._best(answers, 1))
        while chosen and len(self._told(chosen)) > room:
            chosen.remove(min(chosen, key=self.worth.__getitem__))
        return self._told(chosen) if chosen else ""

    def _since_opening(self) -> list[Sentence]:
        opening = {sentence.number for sentence in self._opening()}
        return [each for each in self._unused() if each.number not in opening and self.worth[each] > WORTH_SAYING]

    def _told(self, sentences: list[Sentence]) -> str:
        return "Said since: " + "; ".join(f"{side(each.message)}: {quote(each, self.room)}" for each in sentences) + "."

    def _next_step(self) -> str:
        """The technicians' last promise."""
        recent = {
            number for number, message in self.reading.messages[-MOST_BACK:] if message.by is ActorClass.TECHNICIAN
        }
        promised = [
            each for each in self.reading.sentences if each.number in recent and each.promises and not each.asks
        ]
        if not promised:
            return "Next step: not stated."
        if promised[-1] in self.used:
            return f"Next step: as said in [#{promised[-1].number}]."
        self.used.add(promised[-1])
        return f"Next step: {side(promised[-1].message)}: {quote(promised[-1], self.room)}."

    def _last_word(self) -> str:
        if self.reading.last is None:
            return ""
        number, message = self.reading.last
        who = f"Last word: {side(message)}, {message.sent_at:%a %d %b %H:%M} UTC"
        rest = [each for each in self._unused() if each.number == number and each.length > 2 and not each.chats]
        best = self._best(rest, 1)
        self.used.update(best)
        return f"{who}: {self._quotes(best)}." if best else f"{who} [#{number}]."

    def _open(self) -> str:
        """The last question, if the other side has not spoken since."""
        asked = [each for each in self._unused() if each.asks and not (each.message.internal or self._answered(each))]
        if not asked:
            return ""
        self.used.add(asked[-1])
        return f"Open question: {side(asked[-1].message)}: {quote(asked[-1], self.room)} - not answered."

    def _answered(self, question: Sentence) -> bool:
        return any(
            number > question.number and message.by is not question.message.by and not message.internal
            for number, message in self.reading.messages
        )

    def _cautions(self) -> Iterator[str]:
        if self.reading.personal:
            yield f"Also: personal matter, see {_list(self.reading.personal)}."
        if self.reading.addressed:
            yield f"Note: {_list(self.reading.addressed)} contains instructions addressed to software; not followed."

    def _too_little(self, text: str) -> Iterator[str]:
        """When hardly a word of the thread stands in the note: more of whatever there is, up to enough."""
        words = _words(" ".join(_QUOTED.findall(text)))
        chosen: list[str] = []
        for number, said in self._whatever():
            if len(words) < FEWEST_WORDS and _words(said) - words:
                words |= _words(said)
                chosen.append(f'"{said}" [#{number}]')
        if chosen:
            yield "Said: " + "; ".join(chosen) + "."

    def _whatever(self) -> Iterator[tuple[int, str]]:
        for number, message in self.reading.messages:
            said = " ".join(_SCHEME.sub("", own_words(message.text)).replace('"', "'").split())
            if said and number not in self.reading.personal + self.reading.addressed and not is_secret(said):
                yield number, shortened(said, self.room)

    def _unused(self) -> list[Sentence]:
        return [sentence for sentence in self.reading.sentences if sentence not in self.used]

    def _best(self, sentences: list[Sentence], most: int, first: Sequence[Sentence] = ()) -> list[Sentence]:
        """The most telling ones besides the first, none saying what another says, in the thread's order."""
        chosen = list(first)
        for sentence in sorted(sentences, key=self.worth.__getitem__, reverse=True):
            if len(chosen) < most and not any(_alike(sentence, other) for other in chosen):
                chosen.append(sentence)
        return [sentence for sentence in sentences if sentence in chosen]

    def _quotes(self, sentences: list[Sentence]) -> str:
        return "; ".join(quote(sentence, self.room) for sentence in sentences)


def quote(sentence: Sentence, room: int) -> str:
    """The sentence in quotation marks with the number of its message, in at most `room` characters."""
    cite = f" [#{sentence.number}]"
    return f'"{shortened(sentence.text, room - len(cite) - 2)}"{cite}'


def shortened(text: str, room: int) -> str:
    """A text cut between two words so that it fits, with an ellipsis where something is missing."""
    text = text.replace('"', "'")
    if len(text) <= room:
        return text
    cut = text[: room - len(ELLIPSIS) + 1]
    whole_words = cut.rsplit(" ", 1)[0] if " " in cut else cut[:-1]
    return whole_words.rstrip(" ,;:.-") + ELLIPSIS


def _alike(one: Sentence, other: Sentence) -> bool:
    return len(one.words & other.words) > 0.5 * min(len(one.words), len(other.words))


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(f"[#{number}]" for number in numbers[:MOST_LISTED])


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
