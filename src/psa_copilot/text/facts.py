"""What a text states that can be looked up: numbers, times, dates, addresses, hosts and names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from psa_copilot.text.clean import EMAIL, PHONE, URL, words_of
from psa_copilot.text.language import language

Kind = Literal["number", "time", "date", "name", "address", "host"]


@dataclass(frozen=True)
class Span:
    """One fact, by its place in the text."""

    start: int
    end: int
    text: str
    kind: Kind


_OURS = re.compile(r"\[#[\d, #]+\]|^-- copilot/.*$|\((?:link|number|e-mail|extract)\)", re.MULTILINE)
"""What a note says about itself: citations, its marker, our own marks."""

_HOST = re.compile(
    r"(?<![\w@.-])(?:(?:\d{1,3}\.){3}\d{1,3}(?:[:/]\d+)?|\\\\[\w.$\\-]+|[A-Za-z]:\\[\w.$\\-]+|"
    r"(?:[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?\.)+(?-i:[a-z]{2,24})(?:/[\w./-]*\w)?)(?![\w-])"
)
_ABBREVIATED = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")  # "e.g", "a.m" look like hosts
_STREET = re.compile(
    r"\b\d{1,5}[a-z]?,? (?:[A-ZÀ-Þ][\w'.-]*,? ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|"
    r"Way|Court|Ct|Square|Sq|Place|Pl|Terrace|Parkway|Pkwy|Highway|Hwy|Close|Crescent|Row|Quay)\b\.?|"
    r"\b[A-ZÀ-Þ][\w-]*(?:straße|strasse|str\.|gasse|weg|platz|allee|laan|straat|plein|gracht) ?\d{1,4}[a-z]?\b|"
    r"\b\d{1,4},? (?:rue|avenue|boulevard|place|quai|calle|via) [\w' -]{2,40}\b|"
    r"\b(?:Calle|Avenida|Plaza|Via|Rua) (?:[A-ZÀ-Þ][\w'-]* ){0,3}[A-ZÀ-Þ][\w'-]*,? \d{1,4}\b"
)

_MONTHS = (
    "january jan januar janvier enero januari",
    "february feb februar février febrero februari",
    "march mar märz mär mars marzo maart mrt",
    "april apr avril abril",
    "may mai mayo mei",
    "june jun juni juin junio",
    "july jul juli juillet julio",
    "august aug août agosto augustus",
    "september sept sep septembre septiembre",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre diciembre",
)
_WEEKDAYS = (
    "monday mon mondays montag lundi lunes maandag",
    "tuesday tue tues tuesdays dienstag mardi martes dinsdag",
    "wednesday wed weds wednesdays mittwoch mercredi miércoles woensdag",
    "thursday thu thur thurs thursdays donnerstag jeudi jueves donderdag",
    "friday fri fridays freitag vendredi viernes vrijdag",
    "saturday sat saturdays samstag samedi sábado zaterdag",
    "sunday sun sundays sonntag dimanche domingo zondag",
)
_NUMBER_WORDS = (
    "zero null zéro cero nul",
    "one eins ein eine einen un une uno una een",
    "two zwei deux dos twee twice both",
    "three drei trois tres drie",
    "four vier quatre cuatro",
    "five fünf cinq cinco vijf",
    "six sechs seis zes",
    "seven sieben sept siete zeven",
    "eight acht huit ocho",
    "nine neun neuf nueve negen",
    "ten zehn dix diez tien",
    "eleven elf onze once",
    "twelve zwölf douze doce twaalf dozen",
    "thirteen dreizehn treize trece dertien",
    "fourteen vierzehn quatorze catorce veertien",
    "fifteen fünfzehn quinze quince vijftien",
    "sixteen sechzehn seize",
    "seventeen siebzehn",
    "eighteen achtzehn",
    "nineteen neunzehn",
    "twenty zwanzig vingt veinte twintig",
)
_TENS = {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100}


def _numbered(lists: tuple[str, ...], first: int) -> dict[str, int]:
    return {word: number for number, words in enumerate(lists, first) for word in words.split()}


MONTHS = _numbered(_MONTHS, 1)
WEEKDAYS = _numbered(_WEEKDAYS, 0)
NUMBER_WORDS = _numbered(_NUMBER_WORDS, 0) | _TENS

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
DAY_AND_MONTH = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.|er)? (?:of |de )?(?P<month>{_MONTH})\b|"
    rf"\b(?P<month2>{_MONTH})\.? (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d)",
    re.IGNORECASE,
)
TIME = re.compile(
    r"(?<![\w:.,/-])(?P<hour>\d{1,2})(?:[:.h](?P<minute>[0-5]\d))? ?(?P<half>[ap])\.?m\b\.?|"
    r"(?<![\w:.,/-])(?P<hour2>[01]?\d|2[0-4]):(?P<minute2>[0-5]\d)(?::[0-5]\d)?(?![:\d])|"
    r"(?<![\w:.,/-])(?P<hour3>\d{1,2})(?:[:.](?P<minute3>[0-5]\d))? ?(?:uhr|o'clock|heures|uur)\b",
    re.IGNORECASE,
)
CODE = re.compile(r"(?<![\w#])(?=[\w-]*\d)(?=[\w-]*[^\W\d_])\w+(?:[-_]\w+)*(?!\w)")
NUMBER = re.compile(r"(?<![\w])\d+(?:[.,:/-]\d+)*(?![\w])")
_COUNTED = re.compile(
    r"\b(?:" + "|".join(word for word, number in NUMBER_WORDS.items() if number > 2 and word != "once") + r")\b",
    re.IGNORECASE,
)
"""Not one and two: they are said of anything."""
_CAPITAL = re.compile(r"(?<![\w'])(?=[^\W\d_])[^\W\d_a-zß-öø-ÿ][^\W\d_]*(?:['-][^\W\d_]+)*")
_TITLED = re.compile(
    r"\b(?:mr|mrs|ms|miss|dr|prof|herrn?|frau|mme|monsieur|madame|señora?|mevrouw|meneer)\.? ([^\W\d_]{3,})",
    re.IGNORECASE,
)


def facts(text: str) -> Iterator[Span]:
    """The facts of a text; what is part of one is not told again as another."""
    rest = _blanked(_OURS, text)
    kinds: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (EMAIL, "address"),
        (URL, "host"),
        (_STREET, "address"),
        (_HOST, "host"),
        (DAY_AND_MONTH, "date"),
        (TIME, "time"),
        (PHONE, "number"),
        (CODE, "number"),
        (NUMBER, "number"),
        (_COUNTED, "number"),
    )
    for pattern, kind in kinds:
        matches = [match for match in pattern.finditer(rest) if not _ABBREVIATED.fullmatch(match[0])]
        for match in matches:
            yield _span(match.start(), match[0].rstrip(".,;:)'\""), kind)
            rest = f"{rest[: match.start()]}{'_' * len(match[0])}{rest[match.end() :]}"
    yield from _days(rest)
    yield from _names(rest)


def _span(start: int, text: str, kind: Kind) -> Span:
    return Span(start, start + len(text), text, kind)


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: " " * len(match[0]), text)


def _days(text: str) -> Iterator[Span]:
    for match in _CAPITAL.finditer(text):
        word = match[0].lower()
        if word in WEEKDAYS or (word in MONTHS and word not in ("may", "mar", "jan", "mai", "mars")):
            yield _span(match.start(), match[0], "date")


def _names(text: str) -> Iterator[Span]:
    """Capitalized words that are no mere start of a sentence."""
    german = language(text) == "de"
    for match in _CAPITAL.finditer(text):
        word = match[0].lower()
        if word in WEEKDAYS or word in MONTHS or word in common():
            continue
        if is_given_name(match[0]) or _looks_like_a_name(text, match, german=german):
            yield _span(match.start(), match[0], "name")
    for match in _TITLED.finditer(text):
        if match[1].islower() and match[1] not in common():
            yield _span(match.start(1), match[1], "name")


_TITLE = re.compile(r"\b(?:(?:mr|mrs|ms|dr|prof|hr|fr|mme|sr|sra|dhr|mevr)\.|herrn?|frau)\s*$", re.IGNORECASE)
_BEFORE = re.compile(r"(\w+) $")
_START = re.compile(r"(?:^|[.!?:;…\n>]|(?:^|\s)[-–—•*]|[\"'“„«(\[])\s*$")
_NO_NAMES_END = re.compile(
    r"(?:ed|ing|ly|[ts]ion|ions|ment|ments|ness|ity|ware|ance|ence|able|ible|less|ful|ive|ous|ical|ism|ship|word|"
    r"book|board|down|back|line|off|out|up|[a-z]{4}s)$"
)
"""Endings of English words with which a sentence may begin."""
_OWNS = re.compile(r"'s\b|s' ")


def _looks_like_a_name(text: str, match: re.Match[str], *, german: bool) -> bool:
    before = text[max(0, match.start() - 16) : match.start()]
    if _TITLE.search(before):
        return True
    if german:  # there every noun has a capital
        first = _BEFORE.search(before)
        return first is not None and is_given_name(first[1])
    if not _START.search(before):
        return not match[0].endswith(("ly", "ing"))  # "…, Finally restarted"
    return _is_capitals(match[0]) or bool(_OWNS.match(text, match.end())) or not _NO_NAMES_END.search(match[0])


def _is_capitals(word: str) -> bool:
    return len(word) > 1 and word.isupper()


def is_given_name(word: str) -> bool:
    """Whether people are called so, in the countries whose languages we read."""
    return word[0].isupper() and word.lower().removesuffix("'s") in _given_names()


@cache
def _given_names() -> frozenset[str]:
    return words_of(
        """aaron adam adrian agnes ahmed aisha alan albert alex alexander alexandra alfred ali alice alicia alina
        allison amanda amber amelia amir amit amy ana andre andrea andreas andrew andy angela anita anja ann anna anne
        annette anthony antonio arjun arthur asha ashley astrid barbara beatrice ben benjamin bernard bernd beth betty
        bill birgit bob boris brandon brenda brian bruce bruno camille carl carla carlos carmen carol caroline cathy
        cecilia charles charlotte chen chloe chris christian christina christine christoph christopher claire clara
        claudia colin connor craig cristina cynthia daniel daniela danielle david dawn deborah denise dennis derek
        diana diane diego dieter dimitri dirk dmitri dominik donald donna doris dorothy douglas dylan edgar eduardo
        edward elaine elena elisabeth elizabeth ellen emil emily emma enrique eric erik ernst esther ethan eva evelyn
        fabian fatima felix fernando fiona florian frances francesca francis francois frank frederik gabriel gabriela
        gary george georg gerald gerhard gina giovanni giulia gordon greg gregory guillaume gustav hannah hans harold
        harry heather heidi heike heinz helen helena helmut henrik henry hugo ian igor ingrid irene iris isabel isabella
        ivan jack jackie jacob jacques jaime jake jakob james jamie jane janet janine jason javier jean jeff jeffrey
        jennifer jenny jens jeremy jessica jill jim joan joanna joao jochen joe joel johann johannes john johnny jonas
        jonathan jordi jorge jose josef joseph joshua joyce juan judith julia julian julie julien juergen jürgen justin
        kai karen karin karl karsten kate katharina katherine kathleen kathrin kathryn katie katja keith kelly kenneth
        kerstin kevin kim kirsten klaus kristin kumar kyle larry lars laura lauren lea leila lena leo leon leonardo
        leslie liam lily linda lisa liz lorenzo louis louise luc luca lucas lucia lucy luis luisa lukas lydia madison
        magda manfred manuel marc marcel marco marcus margaret maria mariam marie marina mario marion mark markus marta
        martha martin martina marvin mary mateo mathias matt matteo matthew matthias max maya megan mei mehmet melanie
        melissa michael michaela michel michelle miguel mike mila milan mohamed mohammed monica monika moritz muhammad
        nadia nadine nancy naomi natalia natalie natasha nathan neil nicholas nick nico nicola nicolas nicole nigel nils
        nina noah nora norbert olaf oleg olga oliver olivia omar oscar otto pablo pamela paolo patricia patrick paul
        paula paulo pavel pedro peter petra philip philipp philippe pierre pieter priya rachel rafael rainer raj rajesh
        ralf ralph ramon raquel ravi raymond rebecca renate rene ricardo richard rita robert roberto robin roger roland
        rolf romain ronald rosa rosemary roy ruben rudolf russell ruth ryan sabine sally sam samantha samuel sandra
        sanjay sara sarah sascha scott sean sebastian sergio sharon sheila silke silvia simon simone sofia sonia sonja
        sophia sophie stefan stefanie stephan stephanie stephen steve steven stuart sunil susan susanne suzanne svenja
        sven sylvia tamara tanja tara ted teresa thomas thorsten tim timo tina tobias todd tom tomas tony tracy ulrich
        ulrike ursula uwe valentina valerie vanessa vera veronica victor victoria vijay vincent viola virginia vivian
        vladimir walter wei wendy werner will william wolfgang xavier yan yasmin yvonne zoe"""
    ) - {"will", "mark", "bill", "dawn", "amber", "rosemary", "kelly", "viola", "max", "sam", "iris", "ted", "jack"}


@cache
def common() -> frozenset[str]:
    """Words with a capital in a note, and yet nobody's name: its own labels, places in a PSA, everyday shorthand."""
    return words_of(
        """i i'm i've i'll i'd a an the and or but if so as at by in on of to up it its it's this that these those there
        here he she they we you his her their who what when where why how which not no yes none nothing nobody
        everyone everything
        somebody all both each every any some more most also just only now then soon later since after before until
        while because although however still again already yet once please thanks thank sorry ok okay hi hello dear
        re fw fwd nb ps fyi eta asap tbd tbc tba na am pm utc gmt cet cest est edt pst pdt ist bst today tomorrow
        yesterday tonight morning afternoon evening weekend week recap problem tried said next step steps last word
        first line open question questions note also summary state status cause issue environment resolution result
        results customer customers client client's customer's user users user's caller contact technician technicians
        tech engineer engineers agent agents support team help desk helpdesk staff manager vendor supplier carrier
        provider isp msp it another other others further two three few many several such same own new old next last late
        early based due despite according about above across against along among around because before behind below
        beside between beyond during except for from inside into like near of off on onto outside over per through
        toward under unless upon via whether with within without would could should can may might must will do does did
        has have had is are was were be been let lets see use uses try tries run runs set sets ask asks call calls check
        checks confirm confirms contact need needs want wants says say tell tells wait waits work fails fail failed make
        keep give take get got go goes went came come left send sends sent put turn plan plans hold look access account
        action admin alert answer attempt backup battery cable camera card case change client cloud code computer
        connection contract data date default delay delivery device disk display driver drive error event evidence file
        files firewall fix folder fault group hardware host hotel image impact info inbox input install job key keyboard
        laptop letter level licence license light limit link list log login logon loss machine mailbox memory menu
        migration mode model monitor mouse name network note notes number offer order output package page panel part
        parts password path patch payment people permission person place platform policy port portal power price
        printer process product profile program project proof quote rate reason refund remote renewal repair replace
        reply report request restart return review right role room root route router rule sale scan scanner scope screen
        script security serial series server service session share shift shop signal sound source space speed start
        step storage store switch system tablet task test text timeline time title toner tool track traffic training
        tray trial type unit update upgrade upload usage value version video view virus voice volume website window
        windows wireless workaround workstation year zone
        company office site ticket tickets message messages thread board queue priority waiting scheduled resolved
        closed reopened unknown stated promised expected pending done works worked working fixed confirmed reported
        asked answered called sent received told advised offered suggested restarted rebooted reinstalled replaced
        checked tested reset updated installed removed changed escalated ordered mon tue wed thu fri sat sun
        pc pcs vpn dns dhcp ip lan wan wifi wi-fi wlan usb hdmi ssd hdd ram cpu gpu bios uefi os ui url http https
        ftp sftp ssh rdp rds vm vms sql db api app apps id ids pin sim sms mms mfa 2fa sso ad ou gpo nas san raid ups
        pdf csv xls xlsx doc docx zip exe msi html faq kb gb mb tb kbps mbps sla slas rma poc hr ceo cfo cto pa dm dms
        dm'd dms'd smtp imap pop exchange bsod crm erp voip sip pbx isdn dsl lte led lcd tv cc bcc ooo vip nda po sn
        us usa uk eu de en english german internet web online email e-mail mail phone direct god mr mrs ms dr sir
        madam"""
    )
