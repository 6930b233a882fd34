"""Messages that no person typed: auto-replies, bounces, a mail system's or a ticket system's receipts."""

from __future__ import annotations

import re
from functools import cache

from psa_copilot.models import ActorClass, Message
from psa_copilot.text.clean import own_words, sentences

LABEL_WITHIN = 200
"""Characters from the start within which a program says what it is."""

_LABEL = (
    r"automatic reply|auto[- ]?reply|autoreply|auto[- ]?response|automated (?:reply|response|message)|"
    r"out[- ]of[- ]office (?:reply|autoreply)|"
    r"automatische (?:antwort|abwesenheits\w*)|abwesenheitsnotiz|abwesenheitsmeldung|réponse automatique|"
    r"respuesta automática|automatisch antwoord|afwezigheidsbericht"
)
_AWAY = (
    r"\b(?:i am|i'm|i will be|i'll be|we are|our office is)\b.{0,30}\b(?:out of (?:the )?office|on (?:\w+ )?leave|"
    r"on (?:vacation|holidays?)|away (?:from (?:the|my) (?:office|desk)|until|from|on business)|closed)\b|"
    r"^out of (?:the )?office\b|"
    r"\bich bin\b.{0,60}\b(?:nicht im (?:büro|haus|hause)|abwesend|im urlaub|außer haus)\b|"
    r"\b(?:je suis|je serai)\b.{0,40}\b(?:absente?|en congés?|en vacances|en déplacement)\b|\babsente? du bureau\b|"
    r"\b(?:estoy|estaré)\b.{0,40}\b(?:fuera de la oficina|de vacaciones|ausente)\b|^fuera de la oficina\b|"
    r"\bik ben\b.{0,40}\b(?:afwezig|niet aanwezig|niet op kantoor|met vakantie|op vakantie|met verlof)\b"
)
_AWAY_TOO = (
    r"thank(?:s| you) for (?:your|contacting)|(?:limited|no|intermittent|without) (?:e-?mail )?access|"
    r"access to (?:my )?e-?mails?|"
    r"\b(?:upon|on|after|when) (?:my return|i return|i am back|i get back)|will (?:be back|return|reply|"
    r"respond|get back)|returning|"
    r"(?:urgent|immediate|emergenc\w+|in my absence|in the meantime|assistance).{0,80}\b(?:contact|call|"
    r"e-?mail|reach|write to)|"
    r"(?:please )?(?:contact|call) .{0,60}\b(?:urgent|immediate|emergenc\w+|in my absence|in the meantime|instead)|"
    r"will not be (?:read|forwarded)|not (?:be )?(?:monitored|forwarded)|"
    r"vielen dank für ihre|(?:dringend\w*|notfälle\w*|vertretung).{0,80}|wieder (?:erreichbar|da|zurück|"
    r"im büro)|nicht weitergeleitet|"
    r"rückkehr|merci (?:de|pour) votre|en cas d'urgence|de retour|à mon retour|gracias por su|en caso de urgencia|"
    r"(?:mi|a mi) regreso|de vuelta|(?:dringende|spoed|spoedeisende).{0,60}|weer (?:aanwezig|bereikbaar|terug)|"
    r"bedankt voor uw|"
    r"bij terugkomst"
)
_BOUNCE = (
    r"(?:subject: ?)?(?:undeliver(?:able|ed)\b|mail delivery (?:failed|failure|system|subsystem)|"
    r"delivery status notification|"
    r"delivery (?:has )?failed|returned mail|message (?:delivery )?(?:failed|blocked|not delivered)|"
    r"address not found|"
    r"failure notice|unzustellbar|nicht zustellbar|non remis|no se puede entregar|onbestelbaar|"
    r"non[- ]?delivery (?:report|notification))|"
    r"this is the mail system at host|this message was created automatically by mail delivery software|"
    r"your (?:message|e-?mail) (?:to .{1,80} )?(?:could not|couldn't|wasn't|was not|cannot) be delivered|"
    r"(?:your message|delivery) (?:wasn't|was not|to) .{0,80}(?:delivered|failed)|"
    r"ihre nachricht (?:an .{1,80} )?konnte nicht zugestellt|"
    r"votre message (?:à .{1,80} )?n'a pas pu être (?:remis|distribué)|"
    r"no se pudo entregar|su mensaje (?:a .{1,80} )?no (?:se )?(?:pudo|ha podido)|"
    r"uw bericht (?:aan .{1,80} )?kon niet worden"
)
_RECEIPT = (
    r"\b(?:we|i) have (?:received|logged|registered) your (?:request|ticket|e-?mail|message|enquiry|inquiry)|"
    r"\byour (?:request|ticket|case) (?:\S+ )?has been (?:received|created|logged|registered|opened)|"
    r"\b(?:ihre anfrage|ihr ticket) (?:\S+ )?(?:ist eingegangen|wurde (?:erstellt|registriert|erfasst))|"
    r"\bvotre demande a (?:bien )?été (?:reçue|enregistrée)|\b(?:hemos recibido su|su solicitud ha sido)|"
    r"\b(?:uw (?:verzoek|ticket|melding) is|wij hebben uw (?:verzoek|melding))"
)
_NUMBERED = (
    r"(?:ticket|case|request|reference|ref|vorgang|numéro|número|nummer)\W{0,4}"
    r"(?:number|id|no|is|nr)?\W{0,4}#?\s?[A-Z]{0,6}-?\d{3,}"
)
_SYSTEM_LIKE = (
    r"do(?: not|n't) reply|no-?reply|automat|"
    r"nicht antworten|ne pas répondre|no responda|niet (?:te )?(?:beantwoorden|antwoorden)"
)
_SENDER = re.compile(r"mailer-daemon|postmaster|mail delivery (?:sub)?system", re.IGNORECASE)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    texts = {
        "label": rf"^\W*(?:(?:subject|betreff|objet|asunto|onderwerp): ?)?(?:this is an? )?(?:{_LABEL})",
        "away": _AWAY,
        "away_too": f"{_AWAY}|{_AWAY_TOO}",
        "office": r"office|büro|bureau|oficina|kantoor|afwezig|abwesend",
        "bounce": rf"^\W*(?:{_BOUNCE})",
        "receipt": _RECEIPT,
        "numbered": _NUMBERED,
        "system_like": _SYSTEM_LIKE,
    }
    return {name: re.compile(text, re.IGNORECASE | re.DOTALL) for name, text in texts.items()}


def automatic(message: Message) -> str:
    """`auto-reply` or `bounce` when no person typed this; a long human text that mentions an absence is one."""
    text = own_words(message.text)
    if _SENDER.search(message.author) or _is_bounce(text):
        return "bounce"
    if _patterns()["label"].search(text[:LABEL_WITHIN]) or _is_absence(text) or _is_receipt(text, message.by):
        return "auto-reply"
    return ""


def _is_bounce(text: str) -> bool:
    if not _patterns()["bounce"].search(text[:LABEL_WITHIN]):
        return False
    # People paste a bounce to ask about it; programs ask nothing.
    return "?" not in text and not re.search(
        r"\b(?:please help|I get|I got|we get|we got|I am getting|I'm getting)\b", text
    )


def _is_absence(text: str) -> bool:
    """Every sentence, or all but a fourth of many, is what people write into an auto-reply."""
    if "?" in text or not _patterns()["away"].search(text[: 2 * LABEL_WITHIN]):
        return False
    spoken = [sentence for sentence in sentences(text) if len(sentence.split()) > 2]
    usual = sum(bool(_patterns()["away_too"].search(sentence)) for sentence in spoken)
    alone = usual == 1 and not _patterns()["office"].search(text)  # "I am on holiday from Monday" may be anybody's plan
    return not alone and usual >= max(1, len(spoken) - len(spoken) // 4)


def _is_receipt(text: str, by: ActorClass) -> bool:
    """A ticket system's acknowledgement: the phrase and, unless a program sent it, a number or "do not reply"."""
    if "?" in text or not _patterns()["receipt"].search(text[: 2 * LABEL_WITHIN]):
        return False
    system = by in (ActorClass.SYSTEM, ActorClass.INTEGRATION)
    return system or any(_patterns()[cue].search(text) for cue in ("numbered", "system_like"))
