"""A recap without a model: the thread's own sentences, quoted, each with the number of its message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from psa_copilot.models import ActorClass, Meaning, Message, Thread
from psa_copilot.text.caution import is_secret
from psa_copilot.text.clean import own_words, shown
from psa_copilot.text.draft import NOT_STATED, Draft
from psa_copilot.text.reading import Sentence, numbered, read, side, weigh, worth

FIRST_LINE = 100
WHOLE = 900
FEWEST_WORDS = 8
MOST_SINCE = 3
MOST_BACK = 4
"""Messages that a promise may lie back and still be the next step."""
WORTH_SAYING = 1.0
MOST_LISTED = 5
ELLIPSIS = "…"
LABELS = {"tried": "Said since", "open": "Open question", "personal": "Also", "orders": "Note", "more": "Said"}

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


def citable(thread: Thread) -> dict[int, Message]:
    """What people said that a note may quote, by number: no personal matter, no orders to software."""
    reading = read(thread)
    barred = (*reading.personal, *reading.addressed)
    return {number: message for number, message in reading.messages if number not in barred}


def recap(thread: Thread, *, discreet: bool = False) -> Draft:
    """The recap of a thread; a discreet one quotes nothing and only says where to look."""
    return fitting(Extract(thread, discreet=discreet), _recap)


def fitting(extract: Extract, drafted: Callable[[Extract], Draft]) -> Draft:
    """The draft with the longest quotations that leave it as short as a note may be."""
    for room in _ROOMS:
        extract.begin(room)
        draft = drafted(extract)
        if len(draft.text()) <= WHOLE:
            break
    return draft


def _recap(extract: Extract) -> Draft:
    first = extract.first("Recap")
    problem, next_step, question, last = extract.problem(), extract.next_step(), extract.open(), extract.last_word()
    parts = {"problem": problem, "tried": "", "next_step": next_step, "open": question, "last_word": last}
    draft = Draft("recap", first, parts | extract.cautions(), LABELS)
    parts["tried"] = extract.since(WHOLE - len(draft.text()) - len("\nSaid since: "))
    draft = Draft("recap", first, parts | extract.cautions(), LABELS)
    return replace(draft, parts={**draft.parts, "more": extract.too_little(draft.text())})


class Extract:
    """What one thread says of itself; a sentence that one line of a note quotes is not quoted by the next."""

    def __init__(self, thread: Thread, *, discreet: bool = False) -> None:
        self.thread, self.reading, self.discreet = thread, read(thread), discreet
        weights = weigh(self.reading.sentences)
        self.worth = {sentence: worth(sentence, weights) for sentence in self.reading.sentences}
        self.begin(_ROOMS[0])

    def begin(self, room: int) -> None:
        """Start over: nothing is quoted yet, and a quotation has so many characters at most."""
        self.room, self.used = room, set[Sentence]()

    def first(self, title: str) -> str:
        """State and next step, as far as an extract can tell: how it stands, and who said or asked what last."""
        start = f"{title}: ({'confidential' if self.discreet else 'extract'}) {self._stands()}"
        if self.reading.last is None:
            return f"{start}nobody has said anything."
        number, message = self.reading.last
        sentence = self._telling(number)
        if sentence is None:
            return f"{start}{side(message)} spoke last, see [#{number}]."
        start += f"{side(message)} {'asks' if sentence.asks else 'spoke last'}: "
        quoted = self.quote(sentence, FIRST_LINE - len(start) - 1)
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

    def problem(self) -> str:
        """What it is about, from what was said before anybody answered."""
        best = self.best(self._opening(), 1)
        if best and len(best[0].text) < self.room / 2:
            more = [each for each in self._opening() if each is best[0] or (each.length > 2 and not each.chats)]
            best = self.best(more, 2)
        self.used.update(best)
        if best:
            return f"{self.quotes(best)}."
        hidden = [number for number in self._opening_numbers() if number in self.reading.personal]
        return f"personal matter, see {_list(hidden)}." if hidden else f"{NOT_STATED}."

    def _opening(self) -> list[Sentence]:
        return [sentence for sentence in self.unused() if sentence.number in self._opening_numbers()]

    def _opening_numbers(self) -> list[int]:
        """What was said before anybody answered."""
        said: list[int] = []
        for number, message in self.reading.messages:
            if message.by is ActorClass.TECHNICIAN and said:
                break
            said.append(number)
        return said

    def since(self, room: int) -> str:
        """The best of what was said between the problem and the last word."""
        answers = [each for each in self.since_opening() if each.message.by is ActorClass.TECHNICIAN]
        chosen = self.best(self.since_opening(), MOST_SINCE, first=self.best(answers, 1))
        while chosen and len(self.told(chosen)) > room:
            chosen.remove(min(chosen, key=self.worth.__getitem__))
        return self.told(chosen) if chosen else ""

    def since_opening(self) -> list[Sentence]:
        """What is worth telling of everything after the problem."""
        opening = {sentence.number for sentence in self._opening()}
        return [each for each in self.unused() if each.number not in opening and self.worth[each] > WORTH_SAYING]

    def told(self, sentences: Sequence[Sentence]) -> str:
        """Who said what."""
        told = (f"{side(each.message)}: {self.quote(each, self.room)}" for each in sentences)
        return "; ".join(dict.fromkeys(told)) + "."

    def next_step(self) -> str:
        """The technicians' last promise."""
        recent = {
            number for number, message in self.reading.messages[-MOST_BACK:] if message.by is ActorClass.TECHNICIAN
        }
        promised = [each for each in self.promised() if each.number in recent]
        if not promised:
            return f"{NOT_STATED}."
        if promised[-1] in self.used:
            return f"as said in [#{promised[-1].number}]."
        self.used.add(promised[-1])
        return self.told(promised[-1:])

    def promised(self) -> list[Sentence]:
        """What technicians have promised, oldest first."""
        said = (each for each in self.reading.sentences if each.message.by is ActorClass.TECHNICIAN)
        return [each for each in said if each.promises and not each.asks]

    def last_word(self) -> str:
        """Who said what last, and when."""
        if self.reading.last is None:
            return ""
        number, message = self.reading.last
        who = f"{side(message)}, {message.sent_at:%a %d %b %H:%M} UTC"
        rest = [each for each in self.unused() if each.number == number and each.length > 2 and not each.chats]
        best = self.best(rest, 1)
        self.used.update(best)
        return f"{who}: {self.quotes(best)}." if best else f"{who} [#{number}]."

    def open(self) -> str:
        """The last question, if the other side has not spoken since."""
        asked = [each for each in self.unused() if each.asks and not (each.message.internal or self._answered(each))]
        if not asked:
            return ""
        self.used.add(asked[-1])
        return f"{self.told(asked[-1:])[:-1]} - not answered."

    def _answered(self, question: Sentence) -> bool:
        return any(
            number > question.number and message.by is not question.message.by and not message.internal
            for number, message in self.reading.messages
        )

    def cautions(self) -> dict[str, str]:
        """What is only pointed at, and who gives orders to software."""
        found = {}
        if self.reading.personal:
            found["personal"] = f"personal matter, see {_list(self.reading.personal)}."
        if self.reading.addressed:
            found["orders"] = (
                f"{_list(self.reading.addressed)} contains instructions addressed to software; not followed."
            )
        return found

    def too_little(self, text: str) -> str:
        """When hardly a word of the thread stands in the note: more of whatever there is, up to enough."""
        if self.discreet:
            return "nothing of a confidential ticket is quoted."
        words = _words(" ".join(_QUOTED.findall(text)))
        chosen: list[str] = []
        for number, said in self._whatever():
            if len(words) < FEWEST_WORDS and _words(said) - words:
                words |= _words(said)
                chosen.append(f'"{said}" [#{number}]')
        return f"{'; '.join(chosen)}." if chosen else ""

    def _whatever(self) -> Iterator[tuple[int, str]]:
        for number, message in self.reading.messages:
            said = shown(_SCHEME.sub("", own_words(message.text))).replace('"', "'")
            if said and number not in self.reading.personal + self.reading.addressed and not is_secret(said):
                yield number, shortened(said, self.room)

    def unused(self) -> list[Sentence]:
        """What no line quotes yet."""
        return [sentence for sentence in self.reading.sentences if sentence not in self.used]

    def best(self, sentences: Sequence[Sentence], most: int, first: Sequence[Sentence] = ()) -> list[Sentence]:
        """The most telling ones besides the first, none saying what another says, in the thread's order."""
        chosen = list(first)
        for sentence in sorted(sentences, key=self.worth.__getitem__, reverse=True):
            if len(chosen) < most and not any(_alike(sentence, other) for other in chosen):
                chosen.append(sentence)
        return [sentence for sentence in sentences if sentence in chosen]

    def quotes(self, sentences: Sequence[Sentence]) -> str:
        """These sentences, quoted."""
        return "; ".join(dict.fromkeys(self.quote(sentence, self.room) for sentence in sentences))

    def quote(self, sentence: Sentence, room: int) -> str:
        """The sentence with the number of its message; of a confidential ticket, the number only."""
        return f"see [#{sentence.number}]" if self.discreet else quote(sentence, room)


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
