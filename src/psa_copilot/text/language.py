"""Which language a text is in, by its script and its small words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

from psa_copilot.text.clean import EMAIL, URL, words_of

MOST = 4_000
"""Characters that are looked at."""
LEAST_LEAD = 0.25
"""How far the first language's share of small words must lie above the second's, as a part of its own."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

# Unicode names begin with the script: "CYRILLIC SMALL LETTER A". Han alone is Chinese, with kana Japanese.
_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "CYRILLIC": "ru",
    "GREEK": "el",
    "ARABIC": "ar",
    "HEBREW": "he",
    "THAI": "th",
    "DEVANAGARI": "hi",
}

_SMALL = {
    "en": """the a an and or but is are was were be been have has had do does did not can could would will should i we
        you he she they it this that these those my our your his her their to of in on at for with from by as if when
        what which there here please thanks hello dear any some just i'm don't can't it's""",
    "de": """der die das den dem des ein eine einen einem einer und oder aber ist sind war waren sein haben hat hatte
        nicht kann können wird werden ich wir sie er es mein unser ihr ihre im am um zu zum zur von vom mit für auf aus
        bei nach wenn was wie bitte danke hallo guten noch nur auch sich dass seit kein keine""",
    "fr": """le la les un une des du de et ou mais est sont été être avoir ont nous vous il elle ils je ne pas plus que
        qui dans sur pour avec par au aux ce cette ces mon notre votre son leur si quand bonjour merci depuis aussi
        peut c'est j'ai n'est d'un l'imprimante""",
    "es": """el la los las un una unos de del y o pero es son está están ser ha han no puede yo nosotros usted él ella
        que quien en por para con al este esta estos mi nuestro su si cuando hola gracias desde también muy hay se lo
        favor""",
    "nl": """de het een en of maar is zijn was waren heb heeft hebben niet kan kunnen wordt worden ik wij we je jij u
        hij zij ze dat die dit deze mijn onze uw hun op in van voor met aan bij naar als wanneer wat hallo bedankt graag
        ook nog geen er te""",
    "it": """il lo la gli le un una di del della dei e o ma è sono era essere ho ha hanno non può io noi voi lui lei
        che chi in per con su al alla questo questa mio nostro suo se quando ciao grazie buongiorno anche da dal si""",
    "pt": """o a os as um uma de do da dos das e ou mas é são está estão ser tem não pode eu nós você ele ela que quem
        em no na por para com ao este esta meu nosso seu se quando olá obrigado obrigada desde também muito""",
    "pl": """i lub ale jest są był była być mam ma nie może ja my ty on ona oni że który w na do z od dla przez ten ta
        to moje nasz czy kiedy dzień dobry proszę dziękuję się już po""",
}


@cache
def _languages_of() -> dict[str, tuple[str, ...]]:
    met: dict[str, tuple[str, ...]] = {}
    for language, words in _SMALL.items():
        for word in words_of(words):
            met[word] = (*met.get(word, ()), language)
    return met


def language(text: str) -> str:
    """`en`, `de`, `fr` …; empty when the text is too short or too mixed to say."""
    text = EMAIL.sub(" ", URL.sub(" ", text[:MOST]))
    return _by_script(text) or _by_small_words(text)


def _by_script(text: str) -> str:
    letters = [character for character in text if character.isalpha()]
    foreign = [_SCRIPTS.get(_script(character), "") for character in letters if ord(character) > 0x2FF]
    counts = Counter(filter(None, foreign))
    # One Chinese letter says as much as a word does; a few of them among Latin ones are a name.
    if 3 * counts.total() < len(letters) or not counts:
        return ""
    return "ja" if 5 * counts["ja"] > counts.total() else counts.most_common(1)[0][0]


def _script(character: str) -> str:
    return unicodedata.name(character, "").split(" ", 1)[0]


def _by_small_words(text: str) -> str:
    """A small word that several languages share says as little for each as there are of them."""
    scores: Counter[str] = Counter()
    known = _languages_of()
    words: list[str] = _WORD.findall(text.lower())
    for word in words:
        of = known.get(word, ())
        for each in of:
            scores[each] += 60 // len(of)
    (first, best), (_, next_best) = [*scores.most_common(2), ("", 0), ("", 0)][:2]
    return first if best >= 60 and best - next_best >= LEAST_LEAD * best else ""
