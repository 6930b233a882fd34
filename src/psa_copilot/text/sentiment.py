"""How somebody feels who writes to the desk, from 1 (furious) to 100 (delighted); 50 says nothing about it.

By words in five languages, negation, intensity and shouting. A broken printer is no bad mood: only words about feelings
and about the service count, trouble words hardly do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from psa_copilot.text.clean import URL, own_words

NEUTRAL = 50
LOW = 35
"""Below this a dispatcher wants to know."""
FALL = 30
"""A fall by this over three messages, too."""

_WORDS: dict[int, str] = {
    -4: r"furious|outrag\w+|disgust\w*|livid|enraged|unacceptable|appalling|disgrace\w*|atrocious|lawsuit|lawyer|worst|"
    r"inakzeptabel|unverschämt\w*|frechheit|katastroph\w*|inacceptable|scandaleux|inaceptable|vergüenza|onacceptabel|"
    r"schandalig",
    -3: r"terrible|horrible|awful|ridiculous|pathetic|useless|incompetent|angry|fed up|sick of|had enough|joke|"
    r"shocking|"
    r"cancel (?:our|my|the) contract|escalate|complain\w*|complaint|unprofessional|hate|shame\w*|wütend|sauer|"
    r"unmöglich|"
    r"lächerlich|unfähig|beschwerde|furieux|honteux|ridicule|nul|furioso|ridículo|pésimo|boos|waardeloos|klacht",
    -2: r"frustrat\w+|annoy\w+|disappoint\w*|unhappy|upset|poor service|bad service|rude|ignored?|"
    r"nobody (?:answers?|calls?|"
    r"cares?|responds?)|no ?one (?:answers?|calls?|cares?|responds?)|no response|still (?:waiting|nothing|no)|"
    r"yet again|once again|how long|how many times|waste of time|fail\w* again|nervt|ärger\w*|enttäusch\w*|"
    r"immer noch (?:nicht|keine?)|schon wieder|déçu\w*|toujours (?:pas|rien)|encore une fois|decepcionad\w*|"
    r"todavía no|otra vez|teleurgesteld|nog steeds (?:niet|geen)|alweer",
    -1: r"worried|concerned|confus\w+|urgent\w*|asap|unfortunately|waiting|delay\w*|cannot work|can't work|"
    r"stuck|dringend|"
    r"leider|malheureusement|urgente?|helaas",
    1: r"thanks?|thank you|thx|please|appreciate|ok(?:ay)?|fine|danke|bitte|merci|gracias|bedankt|dank",
    2: r"great|good|nice|happy|pleased|glad|helpful|solved|works (?:now|again|fine)|working (?:now|again)|perfekt|"
    r"super|prima|toll|parfait|génial|genial|perfecto|geweldig|fijn|top",
    3: r"excellent|awesome|perfect|amazing|fantastic|wonderful|brilliant|love|outstanding|impressed|hervorragend|"
    r"ausgezeichnet|großartig|excelente|uitstekend",
}
_NOT = re.compile(r"\b(?:not|n't|no|never|nicht|kein\w*|pas|jamais|nunca|niet|geen|hardly)\s+(?:\w+\s+){0,2}$")
_MUCH = re.compile(
    r"\b(?:very|so|really|extremely|totally|absolutely|completely|sehr|echt|total|très|muy|heel|zeer)\s+$"
)
_THANKS_FOR_NOTHING = re.compile(r"\bthanks? (?:you )?for (?:nothing|wasting|ignoring)\b")
_GOOD_FACES = re.compile(r"(?<!\w)[:;]-?[)D](?!\w)|[😀😃😄😊🙂👍🙏❤🎉]")
_BAD_FACES = re.compile(r"(?<!\w):'?-?[(/](?!\w)|[😠😡🤬😤😞😢👎🙄]")


@cache
def _pattern() -> re.Pattern[str]:
    groups = (f"(?P<{'m' if weight < 0 else 'p'}{abs(weight)}>{words})" for weight, words in _WORDS.items())
    return re.compile(rf"\b(?:{'|'.join(groups)})\b")


def sentiment(text: str) -> int:
    """1 to 100 for one message."""
    said = URL.sub(" ", own_words(text))
    lower = said.lower()
    total = _faces(said) + _shouting(said) - 5 * bool(_THANKS_FOR_NOTHING.search(lower))
    polite = 0
    for match in _pattern().finditer(lower):
        weight = _weight(match, lower)
        if weight == 1:
            polite = 1  # "please" and "thanks" say little, however often
        else:
            total += weight
    return round(max(1, min(100, NEUTRAL + 50 * (total + polite) / (abs(total + polite) + 6))))


def _weight(match: re.Match[str], text: str) -> float:
    name = match.lastgroup or "p1"
    weight = float(int(name[1:]) * (-1 if name[0] == "m" else 1))
    before = text[max(0, match.start() - 30) : match.start()]
    if _NOT.search(before):
        return -weight / 2 if abs(weight) > 1 else 0.0
    return weight * 1.5 if _MUCH.search(before) else weight


def _faces(text: str) -> float:
    return 2.0 * len(_GOOD_FACES.findall(text)[:2]) - 2.0 * len(_BAD_FACES.findall(text)[:2])


def _shouting(text: str) -> float:
    words = re.findall(r"[^\W\d_]{3,}", text)
    loud = sum(word.isupper() for word in words)
    return -2.0 * (len(words) >= 5 and loud > 0.5 * len(words)) - 1.0 * bool(re.search(r"!{2,}|\?{2,}|[!?]{3,}", text))


def is_alarming(moods: Sequence[int]) -> bool:
    """Whether a customer's moods, oldest first, ask for somebody: low now, or fallen over the last three messages.

    The first message is about the trouble and does not count.
    """
    later = moods[1:]
    return bool(later) and (later[-1] < LOW or max(later[-3:]) - later[-1] >= FALL)
