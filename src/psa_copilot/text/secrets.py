"""What nobody may read in a note, a log or a request to a model: passwords, keys, codes, card and account numbers.

Rules by shape (a key of a known vendor, a card number that passes its check) and by cue ("password:", "Kennwort
lautet"). Too much is taken rather than too little: a masked word costs a little of a recap, a shown password a client.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise

from psa_copilot.text.clean import words_of
from psa_copilot.text.folded import Folded, fold
from psa_copilot.text.spans import Found, merged

SHORTEST = 6
"""Characters from which a value found once is hidden wherever else it stands."""


def find_secrets(text: str) -> list[Found]:
    """The secrets of a text, in order, as spans of it; HTML, entities, odd blanks and wrapped lines hide nothing."""
    return list(_found_in(text))


@lru_cache(maxsize=128)
def _found_in(text: str) -> tuple[Found, ...]:
    view = fold(text)
    found = [_at(view, *each) for each in _in_view(view.text)]
    if view.text != text:
        found += [Found(*each) for each in (*_shapes(text), *_numbers(text))]
    for every_other in (None, 0, 1) if "\n" in view.text else ():
        joined, seams = view.joined(every_other=every_other)
        found += [_at(joined, *each) for each in _over_lines(joined.text, seams)]
    return tuple(merged(found))


def values(text: str, found: list[Found]) -> frozenset[str]:
    """What was found, to be hidden wherever it stands again: whole, and line by line where it was wrapped."""
    seen = (fold(text[each.start : each.end]) for each in found)
    pieces = (piece for view in seen for piece in (view.joined()[0].text.strip(), *view.text.split("\n")))
    return frozenset(piece.strip() for piece in pieces if len(piece.strip()) >= SHORTEST and not _is_word(piece))


def _is_word(piece: str) -> bool:
    return piece.strip().isalpha() and piece.strip().lower() in _NO_VALUE


def _at(view: Folded, start: int, end: int, kind: str) -> Found:
    return Found(*view.source(start, end), kind)


Place = tuple[int, int, str]


def _in_view(text: str) -> Iterator[Place]:
    yield from _shapes(text)
    yield from _cued(text)
    yield from _numbers(text)


# --- by shape

_PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY|CERTIFICATE|PGP MESSAGE)[A-Z ]{0,20}-----"
    r"(?:.{0,20000}?-----END [A-Z0-9 ]{0,40}-----|[\sA-Za-z0-9+/=:,\\-]{0,20000})"
    r"|PuTTY-User-Key-File-\d.{0,20000}?Private-MAC: ?[0-9a-f]+"
)
_TOKENS = (
    r"(?:AKIA|ASIA|AIDA|AROA|ABIA)[A-Z0-9]{16}"
    r"|sk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{16,}"
    r"|(?:sk|pk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|gl(?:pat|rt|dt)-[\w-]{16,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{16,}|1//0[\w-]{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}|npm_[A-Za-z0-9]{20,}|pypi-[\w-]{20,}|do[opr]_v1_[0-9a-f]{20,}"
    r"|hf_[A-Za-z0-9]{20,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{20,}|(?:AC|SK)[0-9a-f]{32}|hv[sbr]\.[\w-]{20,}"
    r"|(?:EAA|EAAC)[A-Za-z0-9]{30,}|\d{8,10}:AA[\w-]{30,}|lin_api_\w{20,}|dckr_pat_[\w-]{20,}|ATATT[\w=-]{20,}"
    r"|glsa_\w{20,}|tskey-[\w-]{16,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}|\w{3}8Q~[\w.~-]{30,}"
)
_JWT = r"eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}"
_LOGIN = r"\b(?:bearer|basic|digest|token)[ :]+(?=[\w.~+/=-]*\d)[\w.~+/-]{12,}={0,2}"
_URL_LOGIN = r"(?<=://)[^\s/@:<>\"']{0,80}:[^\s<>\"']{1,120}@(?=[\w\[])"
_URL_KEY = (
    r"(?<=[?&;#])(?:[\w-]{0,20}(?:token|key|secret|sig|signature|password|passwd|pwd|auth|code|session|sid)[\w-]{0,10})"
    r"=[^\s&#\"'<>]{6,}"
)
_WEBHOOK = (
    r"(?<=hooks\.slack\.com/services/)[\w/]{16,}|(?<=/api/webhooks/)\d+/[\w-]{20,}|(?<=webhook\.office\.com/)\S{20,}"
)
_LICENSE = r"(?<![\w-])(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]{5}(?:-[A-Z0-9]{5}){3,6}(?![\w-])"
_LICENSE_OF_FOURS = r"(?<![\w-])(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]{4}(?:-[A-Z0-9]{4}){3,7}(?![\w-])"
_BITLOCKER = r"(?<![\d-])\d{6}(?:[- ]\d{6}){5,7}(?![\d-])"
_HASH = r"(?<![\w-])(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])(?:[0-9a-fA-F]{2}){16,64}(?![\w-])"
_LONG = re.compile(r"(?<![\w+/=~-])[A-Za-z0-9+/=_.~!@#$%^&*?-]{16,}")
_FOUR_KINDS = re.compile(r"(?<!\S)[\"'`(]*(?=\S{0,64}?\d)(?=\S{0,64}?[!@#$%^&*?+~])(?=\S{0,64}?[A-Z])([^\s\"'`]{8,64})")


@cache
def _shape() -> re.Pattern[str]:
    named = {
        "private_key": _PRIVATE_KEY,
        "jwt": rf"(?<![\w-])(?:{_JWT})",
        "token": rf"(?<![A-Za-z0-9])(?:{_TOKENS})",
        "login": rf"(?i:{_LOGIN})",
        "url_login": _URL_LOGIN,
        "url_key": rf"(?i:{_URL_KEY})",
        "webhook": _WEBHOOK,
        "license": f"{_LICENSE}|{_LICENSE_OF_FOURS}|{_BITLOCKER}",
        "hash": _HASH,
    }
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in named.items()), re.DOTALL)


def _shapes(text: str) -> Iterator[Place]:
    """Keys and tokens by their looks."""
    yield from ((*match.span(), str(match.lastgroup)) for match in _shape().finditer(text))
    yield from ((*place, "random") for place in _random_ones(text))


def _over_lines(text: str, seams: list[int]) -> Iterator[Place]:
    """What crosses one of the seams where lines were run together, without the words on its other side."""
    for start, end, kind in _in_view(text):
        crossed = seams[bisect_right(seams, start) : bisect_left(seams, end)]
        if not crossed or (kind in _CUED and not (_mixed(text[start:end]) or _HYPHENED.match(text, start, end))):
            continue
        first, last = _without_words(text, [start, *crossed, end], cued=kind != "random")
        if any(first < place < last for place in crossed):
            yield first, last, kind


_WORD = re.compile(r"[A-Za-z]?[a-z]{0,30}[.,:;!?]?|\[.*", re.DOTALL)
_NO_KEY = re.compile(
    r"[\W_]*(?:[A-Za-z]?[a-z'’-]{0,30}|[A-Z]{1,12}|\d{1,2}/\d{1,2}|[@#]\w+|[A-Za-z]+[_-]\d+)[\W_]*|\[.*|cid:.*",
    re.DOTALL,
)


def _without_words(text: str, places: list[int], *, cued: bool) -> tuple[int, int]:
    """The span without the pieces at its ends that are words, and no parts of a key; after a cue it begins as it is."""
    words = _WORD if cued else _NO_KEY
    while len(places) > 2 and words.fullmatch(text, places[-2], places[-1]):
        places.pop()
    while not cued and len(places) > 2 and words.fullmatch(text, places[0], places[1]):
        places.pop(0)
    return places[0], places[-1]


def _random_ones(text: str) -> Iterator[tuple[int, int]]:
    for match in _LONG.finditer(text):
        if _looks_random(match[0].rstrip(".,!?")):
            yield match.start(), match.start() + len(match[0].rstrip(".,!?"))
    for match in _FOUR_KINDS.finditer(text):
        value = _trimmed(match[1])
        if _looks_typed_by_policy(value):
            yield match.start(1), match.start(1) + len(value)


_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:[\w-]+\.)+[a-z]{2,12}(?:[:/].*)?|[\d.:/-]+")


def _looks_random(value: str) -> bool:
    """A string that no person made up: letters, digits and cases change places all the time."""
    if len(value) < 16 or _UUID.fullmatch(value) or _ADDRESS.fullmatch(value) or value.startswith("0x"):
        return False
    return any(_random_run(run) for run in _runs(re.sub(r"%[0-9A-Fa-f]{2}", "/", value)))


def _runs(value: str) -> list[str]:
    """The value, and its parts where it is a path or made of names."""
    parts = [part for part in re.split(r"[/_.~-]+", value) if part]
    if value.startswith("//"):  # a link: its address is no secret, a long token in it is
        return [part for part in parts if len(part) >= 16]
    return (
        [value]
        if len(parts) == 1
        else [part for part in parts if len(part) >= 10]
        + (["".join(parts)] if not any(_is_name(part) for part in parts) else [])
    )


def _is_name(part: str) -> bool:
    return re.fullmatch(r"[A-Z]?[a-z]{3,}\d{0,4}|[A-Z]{3,}\d{0,4}|\d{4,}", part) is not None


def _random_run(run: str) -> bool:
    if len(run) < 12:
        return False
    kinds = [_kind(letter) for letter in run]
    changes = sum(one != other for one, other in pairwise(kinds)) / (len(run) - 1)
    digits = kinds.count("digit")
    if re.fullmatch(r"[A-Z2-7]{16,}=*", run) and digits >= 2:
        return changes >= 0.15 and _entropy(run) >= 3.2
    return _entropy(run) >= 3.0 and changes >= 0.33 and (digits >= 2 or len(run) >= 20)


def _looks_typed_by_policy(value: str) -> bool:
    """Upper, lower, digit and sign in one word without an address in it, as password rules ask for."""
    if len(value) < 8 or "://" in value or "\\" in value or value.startswith(("/", "[", "#", "(")):
        return False
    if re.fullmatch(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", value):
        return False
    return {_kind(letter) for letter in value} >= {"upper", "lower", "digit"} and bool(
        re.search(r"[!@#$%^&*?+~]", value)
    )


def _kind(letter: str) -> str:
    if letter.isdecimal():
        return "digit"
    if letter.isupper():
        return "upper"
    return "lower" if letter.isalpha() else "sign"


def _entropy(run: str) -> float:
    counts = Counter(run)
    return -sum(count / len(run) * math.log2(count / len(run)) for count in counts.values())


# --- by cue

_CUED = ("pass", "code", "key", "login", "bare")

_WORD_CUE = (
    r"pass(?:word|wd| ?phrase|code)s?|pass|pwd?s?|p/w|passwort|passwörter|kenn ?wort|kennwörter|"
    r"zugangs(?:code|daten|wort)|losungswort|geheimzahl|schlüssel|mots? de passe|mdp|code d'accès|"
    r"contraseñas?|clave(?: de acceso)?|wachtwoord(?:en)?|toegangscode|senha"
)
_KEY = (
    r"(?:client |shared |app(?:lication)? |api |aws |account |webhook )?secret(?: access)?(?: key| value)?|"
    r"(?:api|access|account|private|signing|encryption|master|shared|pre-?shared|activation|licen[cs]e|product|serial|"
    r"security|network|wpa[23]?|wep|wi-?fi|wireless|wlan|bitlocker(?: recovery)?|recovery|storage|host|functions?|"
    r"subscription|registration|cd|volume|auth(?:entication)?)[ _-]?(?:key|code|token)s?|psk|passkey|"
    r"(?:access|refresh|auth|session|bearer|id|bot|security|personal access|service|csrf)?[ _-]?tokens?|"
    r"lizenz(?:schlüssel|key|code)?|produktschlüssel|wlan-?schlüssel|clé (?:de licence|api|wi-?fi|wpa)|"
    r"clave (?:de licencia|wi-?fi|api)|licentiesleutel|community(?: string)?|accountkey|sharedaccesskey"
)
_CODE_CUE = (
    r"(?:mfa|2fa|otp|totp|sms|recovery|back-?up|one[- ]time|verification|security|confirmation|authenticator|"
    r"login|sign[- ]?in|unlock|reset|emergency|scratch|safe|alarm|door|gate|access|voicemail)[ -]?"
    r"(?:pass)?(?:codes?|pins?|numbers?|seed)|pins?(?: codes?)?|puk|otp|totp|tans?|bestätigungscode|"
    r"wiederherstellungs(?:code|schlüssel)s?|"
    r"sicherheitscode|(?:my|your|the|these|bypass) codes|"
    r"code de (?:secours|récupération|vérification)|código de (?:recuperación|verificación)|"
    r"herstelcodes?|verificatiecode|cvv2?|cvc2?|security answer|secret (?:answer|question)"
)
_LOGIN_CUE = r"credentials?|creds|log-?in(?: details| data)?|logon|anmeldedaten|identifiants|credenciales|inloggegevens"
_STRONG = r"(?:\s*(?:[:=]|->|=>|→|»)|\t|\s+-\s+)"
_WEAK = (
    r"\s+(?:(?:should|will|must|may) be|has been|have been|is|are|was|ist|sind|war|lautet|lauten|heißt|est|sont|es|son|"
    r"era|será|is nu|luidt|became|becomes|remains)"
    r"(?:\s+(?:now|still|currently|just|set to|reset to|changed to|jetzt|nun|maintenant|ahora|nu|temporarily))?[\s:]"
    r"|\s+(?:set|reset|changed|updated|switched|geändert)\s+(?:to|auf|in|into|back to)\b[\s:]?|\s+(?:to|auf)\s"
    r"|\s+(?:wurde|wird|was|has been|a été|fue|is)\s+(?:\w+\s+)?(?:auf|to|en|à|a)\s"
)
_OF = (
    r"(?:\s*\([^()\n]{1,40}\)|\s+(?:for|of|on|to|in|at|für|zu|vom|von|pour|du|de|del|para|voor|van)\s+[^\n:=]{1,50}?|"
    r"\s+#?\d{1,2})?"
)
_OPEN = r"[\s>|*_~,-]*[\"'`“”„‚‘’«(\[{*_]*"


@cache
def _cue() -> re.Pattern[str]:
    cues = f"(?P<pass>{_WORD_CUE})|(?P<code>{_CODE_CUE})|(?P<key>{_KEY})|(?P<login>{_LOGIN_CUE})|(?P<bare>keys?)"
    return re.compile(
        rf"(?<![^\W_])(?:{cues})(?![^\W\d_])[\"'`*_”]*(?:(?P<strong>{_OF}[\"'`*_”]*{_STRONG}|>)|"
        rf"(?P<weak>{_OF}(?:{_WEAK}))|(?=[ \t\n,]))",
        re.IGNORECASE,
    )


_AFTER = re.compile(_OPEN)
_TOKEN = re.compile(r"\S{1,400}")
_GAP = re.compile(r"[ \t]*\n?[\s>|*•,;/&-]{0,6}(?:and |und |or |oder |et |y |en )?(?:\d{1,2}[.)] )?")
_QUOTED = re.compile(r"[\"“„«`'‘](?P<value>[^\"“”„«»`\n]{4,80})[\"”“»`'’]")
_HYPHENED = re.compile(r"[A-Za-zÀ-ÿ]{3,}(?:[-_.][A-Za-zÀ-ÿ]{3,}){2,}")
_PHRASE = re.compile(r"[A-Za-zÀ-ÿ]{3,14}(?: [A-Za-zÀ-ÿ]{3,14}){2,6}(?=\s*(?:$|[\n.,;\"'<]))")
_NAMED = re.compile(r"[\w.-]{2,30}\s*(?::|=(?!=))\s*(?=\S)")

_NO_VALUE = words_of(
    """a an and any are as at back be because been being but by can change changed changes changing correct
    could das der did die do does doesn't don't dont due ein eine email enter entered enough error every
    expire expired expires expiring failed fails few fine for forgot forgotten from gone good had has have
    help her here him his how i if in incorrect invalid is issue issues it its just keeps known last later
    length let locked long longer lost manager me mine missing my needed needs never new next nicht no none
    not now of off ok okay old on once one only or other our out pas plus policy please problem prompt prompts
    protected request requested required requires reset resets right same saved see sent set she should so
    some soon still stored successful successfully supposed synced than thanks that the their them then there
    they this though to today too true try trying under unknown until unclear up updated used user user's
    username using valid very via visible wait waiting was we were what when where which while who why will
    with without work worked working works worse would wrong yes you your abgelaufen falsch geändert gesperrt
    vergessen zurückgesetzt expiré oublié incorrecto olvidada verlopen vergeten correctly tomorrow yesterday
    again anymore secure weak strong encrypted hidden disabled enabled shared available exposed compromised
    leaked below above attached hers ours yours everyone between different identical stuck broken blank empty
    null false unchanged confidential safe sms phone app box field screen page dialog window server account
    admin administrator"""
)


def _cued(text: str) -> Iterator[Place]:
    for match in _cue().finditer(text):
        strong, weak = match["strong"] is not None, match["weak"] is not None
        kind = next(name for name in _CUED if match[name])
        if kind == "login" and not strong and not re.search(r"\b(?:is|are|ist|sind|est|son)\b", match["weak"] or ""):
            continue  # "unable to log in to SRV01"
        yield from _values_after(text, match.end(), kind, strong=strong, weak=weak)
    yield from _before_cue(text)
    # Cells of a table that somebody ran together.
    yield from ((*match.span("value"), "pass") for match in _GLUED.finditer(text) if _mixed(match["value"]))


_GLUED = re.compile(
    r"(?:Password|Passwort|Kennwort|Passcode|Wachtwoord)(?P<value>[^\sa-z]\S{5,63}|(?=\S*\d\S*\d)\S{12,64})"
)


def _values_after(text: str, place: int, kind: str, *, strong: bool, weak: bool) -> Iterator[Place]:
    """The value behind a cue, and those that go on behind it: more codes, or the rest on the next line."""
    start = place
    quoted = _QUOTED.match(text, _skip_blanks(text, place))
    if quoted and (strong or weak or " " not in quoted["value"]) and quoted["value"].lower() not in _NO_VALUE:
        yield quoted.start("value"), quoted.end("value"), kind
        start = quoted.end()
    elif (value := _first(text, place, kind, strong=strong, weak=weak)) is not None:
        yield *value, kind
        start = value[1]
    elif kind != "login":
        return
    yield from ((*more, kind) for more in _going_on(text, start, kind, whole_line=kind == "login"))


def _skip_blanks(text: str, place: int) -> int:
    match = re.compile(r"[\s>|*_]*").match(text, place)
    return match.end() if match else place


def _first(text: str, place: int, kind: str, *, strong: bool, weak: bool) -> tuple[int, int] | None:
    opened = _AFTER.match(text, place)
    start = opened.end() if opened else place
    if (strong or weak) and kind == "pass" and (phrase := _PHRASE.match(text, start)):
        words = phrase[0].lower().split()
        usual = sum(word in _NO_VALUE for word in words)
        if usual <= (len(words) // 3 if strong else 0):
            return phrase.span()
    token = _TOKEN.match(text, start)
    if token is None:
        return None
    value = _trimmed(token[0])
    if not _may_be_value(value, kind, strong=strong, weak=weak):
        return None
    return start, start + len(value)


def _trimmed(value: str) -> str:
    """Without what closes a sentence or a quotation; a sign at the end of a password stays in."""
    if value.endswith(("!", "?")) and len(value) > 3:
        return value
    return value.rstrip("\"'`”“»’)]}.,;:")


def _may_be_value(value: str, kind: str, *, strong: bool, weak: bool) -> bool:
    bare = value.strip(".,;:!?")
    if len(bare) < 3 or bare.lower() in _NO_VALUE or re.match(r"\[?(?:SECRET|PERSON|EMAIL|PHONE|IP|HOST)_\d", value):
        return False
    if kind == "login":
        return False  # the user's name comes first; what follows is looked at
    if kind == "bare":
        return (strong or weak) and _mixed(value) and "\\" not in value
    if strong:
        return not (bare.isalpha() and len(bare) < 4)
    if weak:
        odd = _odd_word(bare) or _HYPHENED.fullmatch(bare) is not None
        return odd or _mixed(value) or (bare.isdigit() and len(bare) >= 4)
    return _mixed(value) if kind != "code" else _mixed(value) or (bare.isdigit() and 4 <= len(bare) <= 10)


def _mixed(value: str) -> bool:
    """Not a word and not a number: digits or signs among letters, from six characters on."""
    if len(value) < SHORTEST:
        return False
    kinds = {_kind(letter) for letter in value.strip(".,;:?()")}
    signed = re.search(r"\w[!@#$%^&*+=~]+\w", value) and "@" not in value[1:-1]
    return bool(signed) or ("digit" in kinds and bool(kinds & {"upper", "lower"}))


def _odd_word(bare: str) -> bool:
    """After "password is": a single word that is no usual end of that sentence."""
    return (
        bare.isalpha()
        and len(bare) >= SHORTEST
        and not bare.lower().endswith(("ed", "ing", "ly", "en", "iert", "able"))
    )


def _going_on(text: str, place: int, kind: str, *, whole_line: bool) -> Iterator[tuple[int, int]]:
    """Words right behind a value that look like values too."""
    words = 0
    while words < 40:
        gap = _GAP.match(text, place)
        start = gap.end() if gap else place
        token = _TOKEN.match(text, start)
        if token is None or (not gap and start == place and words):
            return
        named = _NAMED.match(text, start)
        value = _trimmed(token[0])
        goes_on = _continues(value, kind, wrapped="\n" in text[place:start]) and not named
        if goes_on:
            yield start, start + len(value)
        elif not (whole_line and "\n" not in text[place : token.end()] and words < 6):
            return
        place, words = start + max(1, len(value)), words + 1


def _continues(value: str, kind: str, *, wrapped: bool) -> bool:
    if (
        "://" in value
        or value.startswith("[")
        or "@" in value.strip("@")
        or (kind == "login" and value.startswith("@"))
    ):
        return False
    if kind == "code":
        return bool(re.fullmatch(r"[A-Za-z0-9]{3,12}(?:-[A-Za-z0-9]{3,12})*", value)) and bool(re.search(r"\d", value))
    return _mixed(value) or (wrapped and bool(re.search(r"\d\W|\W\d|[a-z]\d[A-Za-z]", value)))


_BACKWARD = re.compile(
    r"(?:[\"'`“](?P<quoted>[^\"'`“”\n]{4,64})[\"'`”]|(?<!\S)(?P<bare>[^\s\"'`<>]{6,64}))"
    r"(?:\s+\(\s*|\s+\(?(?:is|as|=|for|ist|est|es|als|comme|como)\s+)(?:(?:the|my|your|our|his|her|their|new|temp(?:orary)?|a|das|mein|"
    r"dein|ihr|neue|le|mon|votre|la|mi|su|het|mijn|initial|current|default|local|admin|wifi|wi-fi|root)\s+){0,4}"
    rf"(?:{_WORD_CUE}|{_KEY}|{_CODE_CUE})(?![^\W\d_])",
    re.IGNORECASE,
)


def _before_cue(text: str) -> Iterator[Place]:
    for match in _BACKWARD.finditer(text):
        group = "quoted" if match["quoted"] else "bare"
        value = _trimmed(match[group])
        if group == "quoted" or _mixed(value):
            yield match.start(group), match.start(group) + len(value), "pass"


# --- numbers that pass their check, or stand behind their name

_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){11,18}(?![\w-]|\.\d)")
_CARD_CUE = re.compile(
    r"\b(?:cards?|carte|karten?|tarjeta|kaart|visa|master ?card|amex|maestro|credit|debit)\b", re.IGNORECASE
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,4})?(?![A-Za-z0-9])"
)
_SSN = re.compile(r"(?<![\d-])(?!000)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])|(?<![\w-])\d{3} \d{2} \d{4}(?! ?\d)")
_NI = re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)", re.IGNORECASE)
_DNI = re.compile(r"(?<!\w)[XYZ]?\d{7,8}-?[A-HJ-NP-TV-Z](?!\w)")
_NIR = re.compile(r"(?<!\d)[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\d)")
_ID_CUE = re.compile(
    r"\b(?:ssn|social security(?: (?:number|no\.?|#))?|national (?:insurance|id)(?: (?:number|no\.?))?|ni number|"
    r"passport(?: (?:number|no\.?|#))?|driv(?:er|ing)(?:'?s)? ?licen[cs]e(?: (?:number|no\.?|#))?|tax ?(?:id|number)|"
    r"steuer-?id(?:entifikationsnummer)?|steuernummer|sozialversicherungsnummer|reisepass(?:nummer)?|ausweisnummer|"
    r"personalausweis|führerschein(?:nummer)?|numéro de sécurité sociale|passeport|permis de conduire|"
    r"dni|nie|pasaporte|"
    r"bsn|burgerservicenummer|paspoort(?:nummer)?|rijbewijs(?:nummer)?|account number|kontonummer|sort code|"
    r"routing number|bank account|date of birth|dob)\b[\s:#=]*(?:(?:is|ist|est|es|no|nr|number)\b[\s.:#]*)?"
    r"(?P<value>(?=[A-Z0-9/ .-]*\d)[A-Z0-9](?:[A-Z0-9]|[/.-](?=[A-Z0-9])| (?=\d)){3,24})",
    re.IGNORECASE,
)


def _numbers(text: str) -> Iterator[Place]:
    for match in _CARD.finditer(text):
        if _is_card(text, match):
            yield *match.span(), "card"
    for match in _IBAN.finditer(text):
        if end := _iban_end(match):
            yield match.start(), end, "iban"
    for pattern in (_SSN, _NI):
        yield from ((*match.span(), "id") for match in pattern.finditer(text))
    yield from ((*match.span(), "id") for match in _DNI.finditer(text) if _is_dni(match[0]))
    yield from ((*match.span(), "id") for match in _NIR.finditer(text) if _is_nir(match[0]))
    yield from ((*match.span("value"), "id") for match in _ID_CUE.finditer(text) if re.search(r"\d", match["value"]))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_card(text: str, match: re.Match[str]) -> bool:
    digits = _digits(match[0])
    if re.search(r"\b(?:19|20)\d\d-\d\d-\d\d\b", match[0]):
        return False
    if _CARD_CUE.search(text, max(0, match.start() - 60), match.start()):
        return True
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and len(set(digits)) > 2 and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether a row of digits passes the check of card numbers."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[::-2]) + sum(each - 9 * (each > 9) for each in doubled)) % 10 == 0


def _iban_end(match: re.Match[str]) -> int:
    """Where the account number ends: words behind it may look like a part of it."""
    for end in range(len(match[0]), 14, -1):
        compact = re.sub(r"[ -]", "", match[0][:end]).upper()
        if (
            15 <= len(compact) <= 34
            and int("".join(str(int(each, 36)) for each in compact[4:] + compact[:4])) % 97 == 1
        ):
            return match.start() + end
    return 0


def _is_dni(text: str) -> bool:
    number = text.replace("-", "").upper()
    head = {"X": "0", "Y": "1", "Z": "2"}.get(number[0], number[0]) + number[1:-1]
    return len(head) == 8 and "TRWAGMYFPDXBNJZSQVHLCKE"[int(head) % 23] == number[-1]


def _is_nir(text: str) -> bool:
    digits = _digits(text)
    return 97 - int(digits[:13]) % 97 == int(digits[13:])
