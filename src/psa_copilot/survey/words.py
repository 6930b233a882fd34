"""What desks call things, in the languages they work in: a first guess at a name, never the last word."""

from __future__ import annotations

import re
from functools import cache

from psa_copilot.models import Meaning

# The first that fits counts: "waiting for approval by customer" is about the customer, "reopened" is not "opened".
_MEANINGS: tuple[tuple[Meaning, str], ...] = (
    (
        Meaning.IN_PROGRESS,
        r"re-?open|(customer|client|contact|user) (has )?(responded|replied|updated|answered)|"
        r"updated by (customer|client)|kunde hat geantwortet|"
        r"antwort erhalten|r[ée]ouvert|reabierto|heropend|klant heeft gereageerd",
    ),
    (
        Meaning.WAITING_ON_VENDOR,
        r"vendor|supplier|third.?party|3rd.?party|\bparts?\b|on order|ordered|manufacturer|carrier|\brma\b|"
        r"hersteller|lieferant|bestellt|fournisseur|commande|proveedor|fabricante|pedido|leverancier|besteld",
    ),
    (
        Meaning.WAITING_ON_CUSTOMER,
        r"(wait|pend|hold|await|respon).*(customer|client|contact|user|requester|caller)|"
        r"(customer|client|user|requester).*(wait|pend|hold|action|respon)|waiting (on|for) (reply|response|info)|"
        r"need(s|ed)? info|feedback|wart.*(kunde|anwender|antwort|rückmeldung)|rückfrage|"
        r"attente.*(client|utilisateur|réponse)|(espera|pendiente).*(cliente|usuario|respuesta)|"
        r"wacht.*(klant|gebruiker|antwoord|reactie)",
    ),
    (
        Meaning.SCHEDULED,
        r"schedul|appointment|\bbooked\b|dispatched|on.?site (booked|planned)|geplant|terminiert|\btermin\b|einsatz|"
        r"planifi|rendez|programad|agendad|\bcita\b|gepland|ingepland|afspraak",
    ),
    (
        Meaning.WAITING_INTERNAL,
        r"\bon.?hold\b|approval|awaiting|pending|waiting|escalat|\bhold\b|zurückgestellt|wartet|warten|freigabe|"
        r"en attente|suspendu|en espera|pendiente|in wacht|wacht",
    ),
    (
        Meaning.CLOSED,
        r"\bclosed?\b|cancel|\bspam\b|no further action|abgeschlossen|geschlossen|storniert|ferm[ée]|clos\b|cl[oô]tur|"
        r"annul|cerrado|cancelado|gesloten|afgesloten|geannuleerd",
    ),
    (
        Meaning.RESOLVED,
        r"resolv|\bsolved\b|complet|fixed|\bdone\b|gelöst|erledigt|behoben|r[ée]solu|termin[ée]|resuelto|solucionado|"
        r"opgelost|afgerond",
    ),
    (
        Meaning.TRIAGE,
        r"triage|assign(ed)?$|acknowledged|review|to be (dispatched|assigned)|zugewiesen|sichtung|"
        r"assign[ée]|affect[ée]|asignado|toegewezen",
    ),
    (
        Meaning.IN_PROGRESS,
        r"progress|\bworking\b|\bopen\b|\bactive\b|work(ed)? on|in arbeit|bearbeitung|en cours|en curso|en progreso|"
        r"in behandeling|bezig",
    ),
    (
        Meaning.NEW,
        r"^\W*new\b|unassigned|not responded|\breceived\b|^\W*neu\b|eingegangen|nouveau|nouvelle|nuevo|nueva|^\W*nieuw",
    ),
)
_CONFIDENTIAL = (
    r"\bhr\b|human resources|personnel|legal|\blaw\b|confidential|breach|personalabteilung|\bpersonal\b|vertraulich|"
    r"juridique|ressources humaines|confidentiel|recursos humanos|confidencial|personeelszaken|vertrouwelijk"
)
_ALERTS = (
    r"\balerts?\b|monitor|\brmm\b|backups?\b|\bnoc\b|\bedr\b|\bsiem\b|warnung|überwachung|alertes?|surveillance|"
    r"alertas?|supervisi[oó]n|meldingen|bewaking"
)
_RECURRING = r"recurring|scheduled (job|maintenance)|agreement|wiederkehrend|r[ée]current|recurrente|terugkerend"
_PROJECT = r"\bprojects?\b|projekt|projet|proyecto"
_INTERNAL = r"\binternal\b|\bintern\b|interne?\b|interno"
_CATCH_ALL = r"catch.?all|unknown|unassigned|unbekannt|inconnu|desconocido|onbekend|\bsonstige"
_CLIENT_IT = r"\b(client|customer|co.?managed|site|local) ?(it|tech|admin)|\bit (contact|manager|lead|staff|admin)"


def meaning_of(name: str) -> Meaning | None:
    """What a status with this name most likely means."""
    low = name.casefold()
    return next((meaning for meaning, pattern in _MEANINGS if _matches(pattern, low)), None)


def sounds_confidential(name: str) -> bool:
    """A board for matters that are nobody else's business."""
    return _matches(_CONFIDENTIAL, name.casefold())


def sounds_like(name: str, what: str) -> bool:
    """Whether a name is one of these: alert, recurring, project, internal, catch_all, client_it."""
    return _matches(_KINDS[what], name.casefold())


_KINDS = {
    "alert": _ALERTS,
    "recurring": _RECURRING,
    "project": _PROJECT,
    "internal": _INTERNAL,
    "catch_all": _CATCH_ALL,
    "client_it": _CLIENT_IT,
}


def _matches(pattern: str, low: str) -> bool:
    return bool(_compiled(pattern).search(low))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
