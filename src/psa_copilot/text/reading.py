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
from psa_copilot.text.caution import is_addressed_to_software, is_personal, is_secret
from psa_copilot.text.clean import own_words, sentences, shown, words_of
from psa_copilot.text.courtesy import courtesy
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
        return bool(_cues()["promise"].search(self.text))


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
    personal = tuple(number for number, message in messages if is_personal(message.text))
    return Reading(
        messages=messages,
        sentences=tuple(
            sentence
            for number, message in messages
            if number not in personal
            for sentence in _quotable(number, message)
        ),
        last=_last_activity(thread, messages),
        personal=personal,
        addressed=tuple(number for number, message in messages if is_addressed_to_software(message.text)),
    )


def _last_activity(thread: Thread, messages: tuple[tuple[int, Message], ...]) -> tuple[int, Message] | None:
    lively = (pair for pair in reversed(messages) if not quiet(pair[1], thread))
    return next(lively, messages[-1] if messages else None)


def _quotable(number: int, message: Message) -> Iterator[Sentence]:
    if automatic(message):
        return
    for place, sentence in enumerate(islice(_harmless(own_words(message.text)), MOST_SENTENCES)):
        text = shown(sentence)
        if re.search(r"\w", text.replace("(link)", "")):
            yield Sentence(number, message, place, text)


def _harmless(text: str) -> Iterator[str]:
    """Sentences without secrets; of a paragraph with orders to software, only what stands before them."""
    for paragraph in _PARAGRAPH.split(text):
        for sentence in sentences(paragraph):
            if is_addressed_to_software(sentence):
                break
            if not is_secret(sentence):
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


@cache
def _cues() -> dict[str, re.Pattern[str]]:
    texts = {
        "trouble": r"\b(?:errors?|fail\w*|fehler\w*|not working|n't work\w*|doesn't|won't|can't|cannot|unable|"
        r"issues?|problems?|"
        r"broken|crash\w*|slow|stuck|freez\w*|down|offline|lost|missing|stopped|keeps?|disconnect\w*|blank|"
        r"wrong|locked|"
        r"blocked|delay\w*|outage|denied|geht nicht|funktioniert nicht|kaputt|panne|erreur|ne marche pas|problème|"
        r"no funciona|storing|werkt niet|kapot)\b",
        "done": r"\b(?:tried|restart\w*|reboot\w*|reinstall\w*|uninstall\w*|install\w*|updat\w*|reset|"
        r"replac\w*|check\w*|"
        r"test\w*|chang\w*|clear\w*|remov\w*|unplug\w*|ran|found|confirm\w*|fixed|resolved|works|solved|"
        r"order(?:ed)?|sent|"
        r"escalat\w*|logged|forwarded|neu gestartet|redémarré|reiniciado|herstart)\b",
        "promise": r"\b(?:i'll|we'll|i will|we will|will (?:be|call|send|get|let|have|come|arrive|visit|check|"
        r"update|contact)|"
        r"going to|scheduled|appointment|book(?:ed|ing)|eta|expect(?:ed)?|by (?:tomorrow|mon|tue|wed|thu|fri|"
        r"end of)\w*|"
        r"tomorrow|next (?:week|step)|within \d+|follow up|arriv\w+|werden|melde[nt]? (?:uns|mich)|"
        r"nous allons|vous rappel\w+|vamos a|llamaré|wij gaan|zullen)\b",
        "asking": r"\b(?:please|could you|can you|would you|let us know|send (?:us|me)|provide|confirm|dm us|bitte|"
        r"pouvez-vous|puede|kunt u)\b",
        "chatter": r"\b(?:sorry|apolog\w+|frustrat\w+|inconvenience|happy to help|here to help|have a (?:great|"
        r"nice|good)|"
        r"hope (?:this|that) helps|feel free|reach out|hear that|understand your|assist you further|anything else|"
        r"patience|bear with|welcome|thanks?|thank you|regards|cheers|appreciate)\b",
    }
    return {name: re.compile(text, re.IGNORECASE) for name, text in texts.items()}


def weigh(sentences: Iterable[Sentence]) -> Mapping[str, float]:
    """A word weighs the more the more messages it runs through."""
    met: dict[int, set[str]] = {}
    for sentence in sentences:
        met.setdefault(sentence.number, set()).update(sentence.words)
    counts = Counter(word for words in met.values() for word in words)
    return {word: math.log2(1 + count) for word, count in counts.items()}


def worth(sentence: Sentence, weights: Mapping[str, float]) -> float:
    """How much a sentence tells: matter, cues, length and place; courtesy and chatter tell little."""
    if courtesy(sentence.text.lower().strip(" .!")):
        return 0.0
    matter = sum(weights.get(word, 0.0) for word in sentence.words) / math.sqrt(len(sentence.words) + 3)
    cues = _cues()
    bonus = 0.5 * bool(cues["trouble"].search(sentence.text)) + 0.4 * bool(cues["done"].search(sentence.text))
    bonus += 0.3 * bool(cues["asking"].search(sentence.text)) - 0.8 * bool(cues["chatter"].search(sentence.text))
    early = 0.4 if sentence.place == 0 else 0.0
    return max(0.01, matter + bonus + early) * _length_fits(sentence.length)


def _length_fits(words: int) -> float:
    if words < 8:
        return 0.3 + 0.0875 * words
    return 1.0 if words <= 35 else max(0.4, 35 / words)
