"""What counts as thanks, you're-welcome and receipt: phrases in English, German, French, Spanish and Dutch.

A clause is courtesy when it is made of these phrases and nothing else. "Thanks for ..." goes on freely,
but not over a word that begins another statement ("thanks for the hint, but", "thanks for your reply we still").
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, NamedTuple

Courtesy = Literal["", "thanks", "receipt", "filler"]


class Language(NamedTuple):
    """The courtesies of one language, as patterns over lower-case words."""

    thanks: tuple[str, ...]
    what_for: str
    """Words that lead from the thanks to its reason."""
    breaks: str
    """Words at which a reason stops being one, and says something of its own."""
    welcome: tuple[str, ...]
    receipt: tuple[str, ...]
    filler: tuple[str, ...]


_GOOD = (
    "great|perfect|awesome|brilliant|excellent|cool|lovely|wonderful|fantastic|super|superb|nice|amazing|fab|fabulous|"
    "terrific|splendid|good|grand"
)
_YOU = (
    "all|everyone|everybody|guys|team|folks|mate|man|sir|madam|ma'am|mam|buddy|dear|love|lads|bro|dude|boss|pal|"
    "my friend|friend|both|support|there"
)
_MUCH = (
    "(?:so )+much|so very much|a mil|very much|ever so much|ever so|a lot|alot|a bunch|a million|a ton|tons|loads|"
    "heaps|again|once again|anyways?|in advance|kindly|indeed|much|too|greatly|very kindly"
)
_OF_HELP = "(?:help|service|assistance)"
_HELPED = f"(?:help|assist|be of {_OF_HELP}|have (?:helped|assisted|been (?:of )?{_OF_HELP}))"
_MAIL = "(?:message|mail|email|e-mail|note|reply|dms?|info|information|details|request|ticket|update|feedback|response)"

ENGLISH = Language(
    thanks=(
        r"(?:(?:many|big|huge|much|million|a million|special|so many) )*"
        r"(?:tha?n?ks+|thank(?= for)|than?k[ -]?(?:you|u|yo|ya|yu)|thx|thnx|thanx|tnx|tks|tx|tysm|tyvm|ty|tq|tqsm|"
        r"tqvm|cheers|ta)"
        rf"(?: (?:{_MUCH}))*(?: (?:{_YOU}))*(?: (?:{_MUCH}))*"
        r"(?: to (?:you(?: all)?|all(?: of you)?|everyone|everybody|the (?:\w+ )?team))?",
        r"(?:(?:i|we) )?(?:(?:really|truly|sincerely|greatly|very much|so|much|do|highly|always|also|certainly) )*"
        r"appreciated?(?: (?:it|that|this|so much|very much|a lot|you|all|everything))*",
        r"(?:it|that|this|(?:your|all|all your|the) help)(?: is|'s)? (?:(?:really|very much|much|greatly|"
        r"highly) )?appreciated",
        r"(?:(?:i'm|i am|we're|we are) )?(?:(?:so|very|really|most|much) )*(?:grateful|thankful|obliged)",
        r"(?:you're|you are|you guys are|you guys|ur|you) (?:(?:the|a|an|all|such|so|very|too|absolute|real|total) )*"
        r"(?:best|(?:super)?stars?|legends?|lifesaver|gem|angel|kind|helpful|rock|great|awesome|amazing|wonderful)",
    ),
    what_for=r"(?:for|from|(?<=appreciate )(?:the|your?|ur|all))",
    breaks=(
        r"i|i'\w+|we|we'\w+|they|they'\w+|he|she|it's|that's|there's|but|however|although|though|still|yet|not|"
        r"no|nothing|"
        r"never|none|nobody|\w+n't|cannot|can|could|would|will|shall|should|may|might|must|is|are|was|were|am|"
        r"has|have|had|"
        r"do|does|did|please|pls|plz|what|when|where|why|how|who|which|whether|if|because|since|until|till|"
        r"unless|before|"
        r"then|also|now|works?|(?<!for )working|worked|fixed|useless|delays?|wrong|terrible|"
        r"wasting|ruining|ignoring|losing|making|keeping|only|"
        r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow|tonight|asap"
    ),
    welcome=(
        r"(?:you're|you are|your|you|ur|u r|youre) (?:(?:so|very|most|more|more than|always|quite) )*welcome"
        r"(?: (?:any ?time|as always))?",
        r"(?:(?:most|very|always) )?welcome|yw",
        r"(?:it's |it is |that's )?(?:no|not a|never a) (?:problems?|probs?|worry|worries|trouble|"
        r"bother)(?: at all)?|np|nw",
        r"any ?time|you bet|don't mention it|think nothing of it",
        r"(?:(?:it's|it is|it was|it has been) )?(?:(?:always|all|entirely|such|truly) )*(?:(?:a|my|our|"
        r"the) )?pleasure"
        r"(?: (?:is|was) (?:all )?(?:mine|ours))?(?: (?:to help|to assist|helping|assisting)(?: you)?)?",
        r"(?:(?:we're|we are|i'm|i am|we) )?(?:(?:always|so|very|really|more than|just|only|absolutely|truly) )*"
        rf"(?:happy|glad|pleased|delighted) (?:to {_HELPED}|(?:that )?(?:we|i) (?:could|can|(?:was|"
        rf"were) able to) {_HELPED})"
        r"(?: you)?(?: out)?(?: (?:today|with (?:this|that|it)))?",
        r"on behalf of my (?:coworkers|colleagues|team)",
    ),
    receipt=(
        r"ok+|okay+|okey|oki|oke|okie(?: dokie)?|okies|okey dokey|kk?|alright|alrighty|all right|righto?",
        rf"(?:got|gotten) (?:it|that|this|them|ya|you|your {_MAIL})|gotcha",
        r"(?:(?:duly|well|all) )?noted(?: (?:with thanks|that|this|it))?",
        r"(?:(?:well|safely|all|messages?|e-?mail|mail|info|documents?) )?received(?: with thanks)?",
        r"(?:i|we)(?:'ve| have)? (?:(?:just|now|also) )*(?:got|received|noted|seen) "
        rf"(?:it|this|that|them|(?:the|your) {_MAIL})",
        r"(?:(?:i|we) )?(?:(?:fully|totally|completely|do|perfectly) )?(?:understood|understand)",
        r"roger(?: that)?|copy(?: that)?|acknowledged?|ack|seen|fair enough|makes sense|i see",
        r"(?:(?:that|this|it|which|that all|all)(?:'s|s| is| was| sounds) )?"
        rf"(?:(?:so|very|really|just|absolutely|all|quite|pretty|most|simply) )*(?:{_GOOD})(?: of you)?",
        r"(?:great|good|nice|excellent|fantastic|brilliant|wonderful) (?:stuff|one|job|work|news|service|help|"
        r"support)",
    ),
    filler=(
        r"(?:hi|hello|hey|hiya|dear|good (?:morning|afternoon|evening|day)|morning|afternoon|evening)(?: there|"
        r" again)?",
        r"oh|ah+|aha|ooh|aww?|uh+|um+|hm+|wow|yay|woohoo|haha+|lol|hehe|phew|well|and|so",
        rf"{_YOU}|once again|again|absolutely|of course|certainly|sure thing|indeed|then|for now",
        r"(?:(?:that's|that is|this is) )?(?:(?:so|very|really|most) )*(?:kind|sweet|helpful|useful|"
        r"good)(?: of you| to know)?",
        r"(?:(?:so|very|really) )?(?:great|good|glad|happy|nice|pleased|lovely) to (?:hear|know)(?: (?:it|that|"
        r"this|so))?",
    ),
)

GERMAN = Language(
    thanks=(
        r"(?:(?:vielen|herzlichen|besten|lieben|tausend|nochmals?|ganz|und|recht|schönen|verbindlichen) )*"
        r"(?:danke|dank|dankeschön|dankesehr|merci)(?: (?:schön|sehr|dir|ihnen|euch|vielmals|nochmals?|"
        r"noch (?:ein)?mal|"
        r"auch|im voraus|vorab|schon mal|ebenfalls|dafür|an alle|dem team))*",
        r"(?:ich bedanke mich|wir bedanken uns)(?: (?:sehr|vielmals|(?:recht|ganz)? ?herzlich))*",
    ),
    what_for="(?:für|fürs)",
    breaks=(
        r"ich|wir|er|es|aber|jedoch|leider|noch|nicht|nichts|nie|kein\w*|kann|können|könnte\w*|würde\w*|"
        r"werde\w*|wird|ist|"
        r"sind|war|hat|haben|hatte|bitte|wann|wie|wo|was|warum|wer|ob|wenn|weil|bis|dann|geht|funktioniert|morgen|"
        r"montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag"
    ),
    welcome=(
        r"(?:(?:sehr|immer|aber|wieder) )*gerne?(?: geschehen| wieder| doch)?",
        r"bitte(?: ?schön| ?sehr| gerne?)?|(?:gar )?kein problem|keine ursache|nichts zu danken|kein ding|"
        r"(?:da )?nicht dafür",
    ),
    receipt=(
        r"alles klar|verstanden|(?:ist |e-?mail |mail |nachricht )?(?:erhalten|angekommen|eingegangen|bekommen)|"
        r"(?:ist )?notiert|(?:zur )?kenntnis genommen|in ordnung|geht klar|passt",
        r"(?:(?:ich )?habe?|(?:wir )?haben)(?: ich| wir)? (?:es |die mail |die nachricht )?(?:erhalten|bekommen)",
        r"(?:(?:das ist|ist|wirklich|sehr|echt|ganz|na|ja) )*"
        r"(?:super|perfekt|prima|top|wunderbar|toll|klasse|spitze|bestens|nett|lieb)(?: von (?:dir|ihnen|euch))?",
    ),
    filler=(
        r"hallo|guten (?:tag|morgen|abend)|moin|servus|grüß gott|sehr geehrte[rs]?|lieber?|liebes|zusammen|"
        r"allerseits|"
        r"herrn?|frau|oh|ah|aha|und|dann",
    ),
)

FRENCH = Language(
    thanks=(
        r"(?:(?:un grand|mille|grand|encore|et|très) )*mercis?(?: (?:beaucoup|bien|à (?:vous|toi|tous|toutes|"
        r"vous tous)|"
        r"infiniment|mille fois|d'avance|encore|bcp|énormément|également|vous))*",
        r"(?:je|nous) (?:vous|te) remerci(?:e|ons)(?: (?:beaucoup|infiniment|vivement|sincèrement))*",
    ),
    what_for="(?:pour|de)",
    breaks=(
        r"je|j'\w+|nous|on|il|elle|ils|mais|cependant|toujours|encore|ne|n'\w+|pas|plus|rien|pouvez|peux|peut|"
        r"pourriez|est|"
        r"sont|était|ai|avons|avez|a|quand|comment|où|pourquoi|qui|que|si|car|demain|lundi|mardi|mercredi|"
        r"jeudi|vendredi|"
        r"samedi|dimanche|svp|veuillez|me|bien|(?!votre|notre)\w+(?:er|ir|re)"
    ),
    welcome=(
        r"de rien|je (?:vous en|t'en) prie|(?:avec )?(?:grand |mon )?plaisir|(?:il n'y a )?pas de (?:quoi|"
        r"problème|soucis?)|"
        r"aucun (?:problème|souci)|à votre service",
    ),
    receipt=(
        r"(?:(?:c'est|message|mail|bien|j'ai|nous avons|on a) )*(?:reçu|noté|compris|entendu|vu)"
        r"(?: (?:votre|ton) (?:message|mail|réponse))?",
        r"d'accord|d'acc|très bien|ça marche|ça roule|c'est bon",
        r"(?:(?:c'est|très|vraiment|trop) )*(?:parfait|super|génial|top|excellent|gentil|impeccable|nickel)",
    ),
    filler=(r"bonjour|bonsoir|salut|chère?|madame|monsieur|mme|oh|ah|et|à tous|tout le monde|l'équipe",),
)

SPANISH = Language(
    thanks=(
        r"(?:(?:muchas|muchísimas|mil|y) )*gracias(?: (?:a (?:ti|vosotros|usted|ustedes|todos)|de nuevo|"
        r"otra vez|de antemano|"
        r"igualmente|de verdad|nuevamente))*",
        r"(?:(?:te|le|os|les|se) )?(?:lo )?agradezco(?: (?:mucho|muchísimo))?|muy agradecid[oa]s?",
    ),
    what_for="por",
    breaks=(
        r"yo|nosotros|pero|todavía|aún|no|nada|nunca|puede\w*|podría\w*|es|está|están|son|era|he|ha|hemos|han|"
        r"cuándo|cuando|"
        r"cómo|dónde|qué|quién|si|porque|hasta|mañana|lunes|martes|miércoles|jueves|viernes|sábado|domingo|"
        r"favor|sigue|"
        r"funciona|tengo|tenemos|ahora"
    ),
    welcome=(
        r"de nada|(?:con )?(?:mucho )?gusto|(?:es )?un placer|no hay (?:de qué|problema|por qué)|no es nada|"
        r"a la orden|"
        r"ningún problema|sin problemas?",
    ),
    receipt=(
        r"(?:(?:ya|lo|he|hemos|queda|mensaje|correo|bien) )*(?:recibido|entendido|comprendido|anotado|visto|"
        r"enterad[oa])",
        r"vale|de acuerdo|está bien|(?:(?:muy|todo|es) )*(?:perfecto|genial|excelente|estupendo|súper|bien|amable)",
    ),
    filler=(r"hola|buenos días|buenas(?: tardes| noches)?|buen día|estimad[oa]s?|señora?|sra?|oh|ah|y|equipo|a todos",),
)

DUTCH = Language(
    thanks=(
        r"(?:(?:heel|erg|hartelijk|vriendelijk|alvast|nogmaals|super|ontzettend|hartstikke|zeer|veel|en) )*"
        r"(?:bedankt|dank|dankje|dankjewel|dankuwel)"
        r"(?: (?:je|u|jullie|wel|zeer|alvast|nogmaals|weer|hoor|allemaal|allen))*",
    ),
    what_for="voor",
    breaks=(
        r"ik|we|wij|hij|zij|het werkt|maar|echter|helaas|nog|niet|niets|nooit|geen|kan|kunt|kunnen|zou|zal|is|"
        r"zijn|was|heb|"
        r"heeft|hebben|wanneer|hoe|waar|wat|waarom|wie|of|als|omdat|tot|dan|morgen|maandag|dinsdag|woensdag|"
        r"donderdag|"
        r"vrijdag|zaterdag|zondag|aub|svp|nu"
    ),
    welcome=(
        r"(?:heel )?graag(?: gedaan)?|geen (?:probleem|dank|punt|moeite)|(?:met )?(?:alle )?plezier|tot je dienst",
    ),
    receipt=(
        r"(?:(?:goed|in goede orde|bericht|mail|is) )*(?:ontvangen|begrepen|genoteerd|gezien|duidelijk)|oké|in orde|"
        r"is goed|helemaal goed|komt goed|helder",
        r"(?:(?:dat is|heel|erg|helemaal|wat) )*(?:prima|top|perfect|fijn|geweldig|mooi|lief)(?: zo| nieuws)?",
    ),
    filler=(r"hallo|hoi|goede(?:morgen|middag|navond|ndag)|beste|geachte|heer|mevrouw|oh|ah|en|dan",),
)

LANGUAGES = (ENGLISH, GERMAN, FRENCH, SPANISH, DUTCH)


@cache
def _grammar() -> dict[Courtesy, re.Pattern[str]]:
    """Thanks and receipts that may stand with any courtesy of the same sentence, "ok super merci"."""
    receipt = "|".join(part for language in LANGUAGES for part in language.receipt)
    thanks = "|".join(_thanks(language) for language in LANGUAGES)
    filler = "|".join(part for language in LANGUAGES for part in language.filler)
    return {
        "thanks": _made_of(f"{thanks}|{receipt}|{filler}"),
        "receipt": _made_of(f"{receipt}|{filler}"),
        "filler": _made_of(filler),
    }


def _thanks(language: Language) -> str:
    thanks = "|".join(language.thanks)
    reason = rf"(?: {language.what_for}(?: (?!(?:{language.breaks})(?![\w']))[\w'&/-]+)+)?"
    return f"(?:{thanks}){reason}|" + "|".join(language.welcome)


def _made_of(phrases: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{phrases})(?: (?:{phrases}))*")


def courtesy(clause: str) -> Courtesy:
    """What a clause in lower case is, if it is courtesy from end to end; else empty."""
    found: Courtesy = ""
    for kind, pattern in _grammar().items():
        if pattern.fullmatch(clause):
            found = kind
    return found


def is_courtesy(word: str) -> bool:
    """Whether a word alone is courtesy, so that nobody's name is made of it."""
    return bool(courtesy(word.lower()))
