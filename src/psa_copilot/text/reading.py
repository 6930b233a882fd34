"""Reading a thread for its recap: which sentences may be quoted, and how much each of them tells."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice

from psa_copilot.models import ActorClass, Message, Thread
from psa_copilot.text.automatic import automatic
from psa_copilot.text.caution import is_addressed_to_software, is_secret
from psa_copilot.text.clean import own_words, sentences, shown, words_of
from psa_copilot.text.courtesy import courtesy
from psa_copilot.text.delicate import is_delicate
from psa_copilot.text.noise import quiet

MOST_SENTENCES = 40
"""Of one message: what stands below is a log."""

_PARAGRAPH = re.compile(r"\n\s*\n")
_SIDES = {ActorClass.TECHNICIAN: "technician", ActorClass.CLIENT_IT: "client's IT", ActorClass.CUSTOMER: "customer"}


@dataclass(frozen=True, eq=False)
class Sentence:
    """One sentence of the thread, fit to be quoted."""

    number: int
    message: Message
    place: int
    """How many sentences of its message stand before it."""
    text: str

    @cached_property
    def lower(self) -> str:
        return self.text.lower()

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(content_words(self.text))

    @cached_property
    def length(self) -> int:
        return len(self.text.split())

    @property
    def asks(self) -> bool:
        return "?" in self.text and self.length > 2

    @property
    def promises(self) -> bool:
        return bool(_cues()["promise"].search(self.lower)) and not self.chats

    @property
    def chats(self) -> bool:
        """Whether it is more for the mood than for the matter."""
        return bool(_cues()["chatter"].search(self.lower))


@dataclass(frozen=True)
class Reading:
    """What a thread offers for a recap."""

    messages: tuple[tuple[int, Message], ...]
    """What people said, numbered."""
    sentences: tuple[Sentence, ...]
    last: tuple[int, Message] | None
    """The last message that is activity."""
    personal: tuple[int, ...]
    """Messages that are only pointed at."""
    addressed: tuple[int, ...]
    """Messages that give orders to software."""

    def of(self, number: int) -> list[Sentence]:
        """The sentences of one message."""
        return [sentence for sentence in self.sentences if sentence.number == number]


def numbered(thread: Thread) -> list[tuple[int, Message]]:
    """All messages but ours with the numbers that notes cite them by: as a technician counts, oldest first."""
    return list(enumerate((message for message in thread.messages if message.by is not ActorClass.COPILOT), 1))


def side(message: Message) -> str:
    """Who said it, without a name."""
    name = _SIDES.get(message.by, "somebody")
    return f"{name} (internal)" if message.internal else name


def read(thread: Thread) -> Reading:
    """The thread's sentences, without what must not be repeated."""
    spoken = set(map(id, thread.spoken()))
    messages = tuple((number, message) for number, message in numbered(thread) if id(message) in spoken)
    personal = tuple(number for number, message in messages if is_delicate(message.text))
    addressed = tuple(number for number, message in messages if is_addressed_to_software(message.text))
    return Reading(
        messages=messages,
        sentences=tuple(
            sentence
            for number, message in messages
            if number not in personal
            for sentence in _quotable(number, message, ordered=number in addressed)
        ),
        last=_last_activity(thread, messages),
        personal=personal,
        addressed=addressed,
    )


def _last_activity(thread: Thread, messages: tuple[tuple[int, Message], ...]) -> tuple[int, Message] | None:
    lively = (pair for pair in reversed(messages) if not quiet(pair[1], thread))
    return next(lively, messages[-1] if messages else None)


def _quotable(number: int, message: Message, *, ordered: bool) -> Iterator[Sentence]:
    if automatic(message):
        return
    for place, sentence in enumerate(islice(_harmless(own_words(message.text), ordered=ordered), MOST_SENTENCES)):
        text = shown(sentence)
        if re.search(r"\w", text.replace("(link)", "")) and "-- copilot/" not in text:
            yield Sentence(number, message, place, text)


def _harmless(text: str, *, ordered: bool) -> Iterator[str]:
    """Sentences without secrets; of a paragraph with orders to software, only what stands before them."""
    secret = is_secret(text)
    for paragraph in _PARAGRAPH.split(text):
        for sentence in sentences(paragraph):
            if ordered and is_addressed_to_software(sentence):
                break
            if not (secret and is_secret(sentence)):
                yield sentence


_WORD = re.compile(r"[^\W_][\w'.-]*[^\W_]|[^\W_]")


def content_words(text: str) -> Iterator[str]:
    """The words that carry matter, plural and singular alike."""
    for word in _WORD.findall(text.lower()):
        if word not in _small_words():
            yield word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


@cache
def _small_words() -> frozenset[str]:
    return words_of(
        """a an the and or but if so as at by in on of to up out off for from with without about into over after
        before this that these those there here it its it's is are was were be been being am i i'm i've i'd i'll
        me my we we're we've we'll us our you you're you've you'll your he she they them their his her who what
        when where why how which do does did done have has had can could would will shall should may might must
        not no yes don't didn't doesn't can't isn't just also very too then than now any some more all get got go
        please thanks thank hi hello hey dear ok okay sorry re let know see like one der die das den dem ein eine
        einen und oder aber ist sind war ich wir sie es er mit von zu im am auf für nicht auch le la les un une
        des et ou mais est je nous vous il elle que qui de du en dans pour pas ne ce se el los las una y o pero es
        yo nosotros usted que de en por para no se lo mi su con del al de het een en of maar is ik wij we u je zij
        dat die op in van voor met niet ook aan"""
    )


_CUES = {
    "trouble": (
        r"errors?|fail\w*|fehler\w*|not working|n't work\w*|doesn't|won't|can't|cannot|unable|issues?|problems?|"
        r"broken|"
        r"crash\w*|slow|stuck|freez\w*|down|offline|lost|missing|stopped|keeps?|disconnect\w*|blank|wrong|"
        r"locked|blocked|"
        r"delay\w*|outage|denied|geht nicht|funktioniert nicht|kaputt|panne|erreur|ne marche pas|problème|"
        r"no funciona|"
        r"storing|werkt niet|kapot"
    ),
    "done": (
        r"tried|restart\w*|reboot\w*|reinstall\w*|uninstall\w*|install\w*|updat\w*|reset|replac\w*|check\w*|test\w*|"
        r"chang\w*|clear\w*|remov\w*|unplug\w*|ran|found|confirm\w*|fixed|resolved|works|solved|order(?:ed)?|sent|"
        r"escalat\w*|logged|forwarded|neu gestartet|redémarré|reiniciado|herstart"
    ),
    "promise": (
        r"i'll|we'll|i will|we will|will (?:be|call|send|get|let|come|arrive|visit|check|update|contact|ship|follow)|"
        r"going to|scheduled|appointment|book(?:ed|ing)|eta|expected|by (?:tomorrow|end of|mon|tues?|wednes|"
        r"thurs?|fri)\w*|"
        r"tomorrow|next step|within \d+|follow(?:ing)? up|wir werden|melden? (?:uns|mich)|nous allons|vous rappel\w+|"
        r"vamos a|llamaré|we gaan|zullen"
    ),
    "asking": (
        r"please|could you|can you|would you|let us know|send (?:us|me)|provide|confirm|dm us|bitte|pouvez-vous|"
        r"puede|kunt u"
    ),
    "chatter": (
        r"sorry|apolog\w+|frustrat\w+|inconvenience|(?:happy|love|like) to (?:help|assist|hear|know)|here to help|"
        r"have a (?:great|nice|good|lovely)|(?:this|that) helps|feel free|reach out|hear that|understand your|"
        r"assist you|"
        r"anything else|let us know if|patience|patient|bear with|welcome|thanks?|thank you|regards|cheers|"
        r"appreciate|"
        r"your experience|survey"
    ),
}

_SHARES = {"trouble": 0.5, "done": 0.4, "asking": 0.3, "chatter": -0.8}


@cache
def _cues() -> dict[str, re.Pattern[str]]:
    return {name: re.compile(rf"\b(?:{words})\b") for name, words in _CUES.items()}


def cue(name: str, sentence: Sentence) -> bool:
    """Whether words of one kind stand in a sentence: `trouble`, `done`, `promise`, `asking`, `chatter`."""
    return bool(_cues()[name].search(sentence.lower))


def weigh(sentences: Iterable[Sentence]) -> Mapping[str, float]:
    """A word weighs the more the more messages it runs through."""
    met: dict[int, set[str]] = {}
    for sentence in sentences:
        met.setdefault(sentence.number, set()).update(sentence.words)
    counts = Counter(word for words in met.values() for word in words)
    return {word: math.log2(1 + count) for word, count in counts.items()}


def worth(sentence: Sentence, weights: Mapping[str, float]) -> float:
    """How much a sentence tells: matter, cues, length and place; courtesy and chatter tell little."""
    if courtesy(sentence.lower.strip(" .!")):
        return 0.0
    matter = sum(weights.get(word, 0.0) for word in sentence.words) / math.sqrt(len(sentence.words) + 3)
    bonus = sum(share for cue, share in _SHARES.items() if _cues()[cue].search(sentence.lower))
    early = 0.4 if sentence.place == 0 else 0.0
    return max(0.01, matter + bonus + early) * _length_fits(sentence.length)


def _length_fits(words: int) -> float:
    """Sentences of 12 to 30 words tell most for their room."""
    if words < 12:
        return 0.3 + 0.7 * words / 12
    return 1.0 if words <= 30 else max(0.4, 30 / words)
