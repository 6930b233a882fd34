"""The stated return in automatic replies of five languages; and None where it is not stated, or could be two days."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from psa_copilot.text import Text
from psa_copilot.text.away import back_from
from tests.core.talk import message

SENT = datetime(2026, 4, 28, 9, 30, tzinfo=UTC)  # a Tuesday
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def day(text: str, *, sent: datetime = SENT, zone: ZoneInfo | None = None) -> str | None:
    """The stated day of return, as 05-12 when it is this year's."""
    back = back_from(text, sent, zone) if zone else back_from(text, sent)
    local = back.astimezone(zone or UTC) if back else None
    return local.date().isoformat().removeprefix(f"{sent.year}-") if local else None


ENGLISH = [
    ("I am out of the office and will be back on the 12th.", "05-12"),
    ("I'm away and back on 12 May.", "05-12"),
    ("I will be back on May 12.", "05-12"),
    ("I will return on Tuesday, 12 May.", "05-12"),
    ("Returning Monday, 4 May", "05-04"),
    ("Out of office, returning Monday 4th May 2026.", "05-04"),
    ("Thank you for your email. I will be returning to the office on May 4th, 2026.", "05-04"),
    ("I'm on annual leave, back in the office Monday the 4th of May.", "05-04"),
    ("Out of office until Thursday.", "04-30"),
    ("I am out of the office until Monday.", "05-04"),
    ("I'm out until Friday.", "05-02"),  # nobody returns on it: away through Friday
    ("I won't be back until Friday.", "05-01"),
    ("I will not be in the office until Friday 8 May.", "05-08"),
    ("I am on vacation until May 12th.", "05-12"),
    ("I am on leave through May 12.", "05-13"),
    ("I'm away until 12 May inclusive.", "05-13"),
    ("I'm away up to and including 12 May.", "05-13"),
    ("I'm away until and including Tuesday 12 May.", "05-13"),
    ("I am out of the office from 27 April to 14 May.", "05-15"),
    ("I will be away from 3 to 14 May.", None),  # announced: it begins in five days
    ("I am away from 27 April to 14 May, back on 18 May.", "05-18"),
    ("Out of office 25 April - 3 May", "05-04"),
    ("Annual leave: April 27 - May 8, 2026", "05-09"),
    ("On leave April 27–30.", "05-01"),
    ("I'm out April 27 to 30 with limited access to email.", "05-01"),
    ("Our office is closed between 27 and 30 April.", "05-01"),
    ("I will be out of the office 27 and 28 April.", "04-29"),
    ("I'll be back tomorrow.", "04-29"),
    ("I am out today and will reply tomorrow.", "04-29"),
    ("I am out of the office today.", "04-29"),
    ("I will be back the day after tomorrow", "04-30"),
    ("I'll be back next week.", "05-04"),
    ("I am out of the office until next week.", "05-04"),
    ("I'm back next Monday.", "05-04"),
    ("I return Wednesday next week.", "05-06"),
    ("I'm away until the end of the week.", "05-04"),
    ("I'm away until the end of next week.", "05-11"),
    ("I'm on leave until the end of May.", "06-01"),
    ("I'm back this Thursday.", "04-30"),
    ("I will reply to your message after 12 May.", "05-13"),
    ("I will not be back before 12 May.", "05-12"),
    ("I will be available again from 12 May 2026.", "05-12"),
    ("I am currently away from my desk. I will respond on 2026-05-12.", "05-12"),
    ("Return date: 12 May 2026", "05-12"),
    ("Back 13/05/2026.", "05-13"),
    ("Back 05/13/2026.", "05-13"),
    ("I will be out of the office starting 04/27/2026 through 05/01/2026.", "05-02"),  # no 27th month
    ("I'm OOO 4/27-5/1 and will respond when I return.", "05-02"),
    ("I am back on Monday 04/05.", "05-04"),
    ("I am back on Monday 05/04.", "05-04"),
    ("I'm back on 12.05.2026.", "05-12"),
    ("I'm on parental leave and will be back on 1 October.", "10-01"),
    ("I am out of the office and back on Monday 4 May at 9:00 am.", "05-04"),
    ("I'm out of office until Thursday 30 April and will answer your mail on Monday 4 May.", "05-04"),
    ("Out of office: back on\n4 May.", "05-04"),
    ("I'm away until Friday 8 May. My colleague Bo is back on 30 April.", "05-09"),
    ("I am away. Back Mon, 4 May.", "05-04"),
    ("I'll be back on Thu.", "04-30"),
    ("I am on leave until 12 May and shall read mail after that. For urgent matters call 555 0100.", "05-12"),
    ("<p>I am out of the office.</p><p>I will return on <b>12 May</b>.</p>", "05-12"),
]

GERMAN = [
    ("Ich bin ab dem 12.05. wieder erreichbar.", "05-12"),
    ("Ich bin bis einschließlich 3. Mai im Urlaub.", "05-04"),
    ("Ich bin bis einschl. 03.05.2026 nicht im Büro.", "05-04"),
    ("Ich bin bis zum 3. Mai abwesend.", "05-04"),
    ("Ich bin bis 3.5. nicht erreichbar.", "05-04"),
    ("Ich bin bis zum 12. nicht im Haus.", "05-13"),
    ("Ich bin am 12. wieder im Büro.", "05-12"),
    ("Am Montag, den 4. Mai, bin ich wieder für Sie da.", "05-04"),
    ("Ab Montag, 04.05.2026, bin ich wieder im Büro.", "05-04"),
    ("Ich bin vom 27. April bis 14. Mai im Urlaub.", "05-15"),
    ("Ich bin vom 27.04. bis 14.05.2026 nicht im Büro.", "05-15"),
    ("Abwesend: 27.–30. April", "05-01"),
    ("In meiner Abwesenheit (27.04.-08.05.) hilft Ihnen Frau Muster.", "05-09"),
    ("Ich bin zurzeit nicht im Büro und ab Montag, 11. Mai 2026, wieder erreichbar.", "05-11"),
    ("Betriebsferien 27.04.2026 - 08.05.2026", "05-09"),
    ("Ich kehre am 12. Mai zurück.", "05-12"),
    ("Zurück am Donnerstag.", "04-30"),
    ("Ich bin morgen wieder erreichbar.", "04-29"),
    ("Guten Morgen, ich bin übermorgen wieder da.", "04-30"),
    ("Ich bin heute nicht im Büro.", "04-29"),
    ("Ich bin nächste Woche wieder im Büro.", "05-04"),
    ("Ich bin nächsten Montag wieder da.", "05-04"),
    ("Ich bin bis Ende der Woche im Urlaub.", "05-04"),
    ("Ich bin bis Ende Mai in Elternzeit.", "06-01"),
    ("Ich bin nicht vor dem 12. Mai zurück.", "05-12"),
    ("Nach dem 12. Mai beantworte ich Ihre Nachricht.", "05-13"),
    ("Ich bin bis Freitag auf Dienstreise.", "05-02"),
    ("Meine Rückkehr: 12.05.2026", "05-12"),
    ("Ab dem 27. April bin ich im Urlaub und ab dem 12. Mai wieder erreichbar.", "05-12"),
    ("Ich bin im Urlaub. Meine Kollegin ist ab 30. April wieder da. Ich bin am 12. Mai zurück.", "05-12"),
    ("Ihre E-Mail wird nicht weitergeleitet. Ich melde mich ab 12. Mai 2026 um 8 Uhr.", "05-12"),
    ("Ich bin ab dem 12. Jänner wieder im Büro.", None),  # longer ago than it is ahead
]

FRENCH = [
    ("Je suis absent, de retour le 12 mai.", "05-12"),
    ("Je serai de retour au bureau le lundi 4 mai 2026.", "05-04"),
    ("Je suis en congés jusqu'au 3 mai inclus.", "05-04"),
    ("Je suis absente jusqu'au 12 mai.", "05-13"),
    ("Je suis en congé du 27 avril au 14 mai.", "05-15"),
    ("Absent du 27/04 au 08/05/2026", "05-09"),
    ("Je suis absent du bureau du 27 au 30 avril.", "05-01"),
    ("Je serai de nouveau joignable à partir du 12 mai.", "05-12"),
    ("Je reviens lundi.", "05-04"),
    ("Je reviens lundi prochain.", "05-04"),
    ("Je serai de retour demain.", "04-29"),
    ("De retour après-demain", "04-30"),
    ("Je serai de retour la semaine prochaine.", "05-04"),
    ("Je ne serai de retour que le 12.", "05-12"),
    ("Je répondrai à votre message après le 12 mai.", "05-13"),
    ("Je suis absent aujourd'hui.", "04-29"),
    ("Je ne serai pas de retour avant le 12 mai.", "05-12"),
    ("Reprise le 1er juin.", "06-01"),
    ("Je suis en vacances jusqu’à la fin de la semaine.", "05-04"),
    ("Mon retour est prévu le 05/06/2026.", "06-05"),
]

SPANISH = [
    ("Estoy fuera de la oficina hasta el 5 de junio.", "06-06"),
    ("Estaré de vuelta el 12 de mayo.", "05-12"),
    ("Estoy de vacaciones hasta el 12 de mayo inclusive.", "05-13"),
    ("Regreso el lunes 4 de mayo de 2026.", "05-04"),
    ("Estaré ausente del 27 de abril al 14 de mayo.", "05-15"),
    ("Estoy de vacaciones del 27 al 30 de abril.", "05-01"),
    ("Estoy ausente desde el 27 de abril hasta el 8 de mayo.", "05-09"),
    ("Estaré disponible de nuevo a partir del 12 de mayo.", "05-12"),
    ("Vuelvo mañana.", "04-29"),
    ("Vuelvo mañana por la mañana.", "04-29"),
    ("Vuelvo pasado mañana.", "04-30"),
    ("Volveré el próximo lunes.", "05-04"),
    ("Vuelvo la semana que viene.", "05-04"),
    ("Responderé después del 12 de mayo.", "05-13"),
    ("No volveré hasta el 12 de mayo.", "05-12"),
    ("Me reincorporo el día 12.", "05-12"),
    ("Mi regreso es el 05/06/2026.", "06-05"),
    ("Hoy no estoy en la oficina.", "04-29"),
]

DUTCH = [
    ("Ik ben afwezig tot en met 14 juli.", "07-15"),
    ("Ik ben met vakantie t/m 14 juli.", "07-15"),
    ("Ik ben op maandag terug.", "05-04"),
    ("Ik ben maandag 4 mei weer aanwezig.", "05-04"),
    ("Ik ben afwezig tot 12 mei.", "05-12"),
    ("Ik ben vanaf 12 mei weer bereikbaar.", "05-12"),
    ("Ik ben van 27 april t/m 14 mei niet op kantoor.", "05-15"),
    ("Afwezig van 27 t/m 30 april", "05-01"),
    ("Ik ben de 12e weer terug.", "05-12"),
    ("Ik ben morgen weer bereikbaar.", "04-29"),
    ("Ik ben overmorgen terug.", "04-30"),
    ("Ik ben volgende week weer op kantoor.", "05-04"),
    ("Ik ben volgende week maandag terug.", "05-04"),
    ("Na 12 mei beantwoord ik uw bericht.", "05-13"),
    ("Ik ben niet terug vóór 12 mei.", "05-12"),
    ("Ik ben tot 12-05-2026 met verlof.", "05-12"),
    ("Vandaag ben ik niet aanwezig.", "04-29"),
    ("Ik ben met verlof tot het einde van de week.", "05-04"),
    ("Ik ben terug op 05/06/2026.", "06-05"),
]

SILENT = [
    "I am out of the office and will reply soon.",
    "I'm out of the office.",
    "I am on leave for two weeks.",
    "I'll be back in a week.",
    "I'll be back in June.",
    "I'm back in mid-May.",
    "I'm away until June.",
    "I'll be back at the end of May.",
    "Back after Easter.",
    "Back in the new year.",
    "I am back on 05/06/2026.",  # May or June
    "I'm away until 5/6.",
    "I'm back on 4 or 5 May.",
    "I'll be back between 3 and 5 May.",
    "I'm back around 12 May.",
    "I'm back next Friday.",  # of this week or the next
    "I'm back on Tuesday.",  # sent on one
    "I am away from 12 May.",
    "I was away until 27 April.",
    "I'm back on 27 April.",
    "I'm back on 28 April.",  # is this morning's
    "Back on Monday 12 May.",  # a Tuesday this year: an old text
    "I'm back on 31 June.",
    "I'm back on 12 May 2028.",
    "I'm back on 12 May 2025.",
    "I am out today until 3 pm.",
    "I'm out this afternoon, back later today.",
    "I do not work on Fridays.",
    "Our office hours are Monday to Friday, 8:00 to 17:00.",
    "We are available 24/7.",
    "We moved to 12 May Street on 3 May.",
    "Our office is open until 12 May.",
    "My colleague is back on 12 May.",
    "I am back on 4 May. I am away until 12 May.",  # which
    "I'm back on 12 May. I return on 15 May.",
    "Your ticket 4812 of 12 May has been received.",
    "Call me on 12 05 20 26 or 030 12.05.77.",
    "Ab dem 12. Mai bin ich im Urlaub.",
    "Ich bin bis nächste Woche im Urlaub.",
    "Ich bin Anfang Juni wieder da.",
    "Ich bin Mitte Mai wieder da.",
    "Ich bin um den 12. herum wieder da, etwa.",
    "Ich bin gegen 12. Mai wieder da.",
    "Seit dem 12. April bin ich in Elternzeit.",
    "Ich bin am 4. oder 5. Mai wieder da.",
    "Guten Morgen, ich bin nicht im Büro.",
    "Je suis absent à partir du 12 mai.",
    "Je serai de retour vers le 12 mai.",
    "Je suis absent. Tél. : le 12 34 56 78 90.",
    "Je serai de retour en juin.",
    "Estaré ausente a partir del 12 de mayo.",
    "Vuelvo en junio.",
    "Estoy fuera de la oficina. No estoy disponible por la mañana.",
    "Disfruto del fin de semana.",
    "Ik ben vanaf 12 mei met vakantie.",
    "Ik ben rond 12 mei terug.",
    "Ik ben in juni terug.",
    "",
    "Automatic reply",
    "Thanks!",
]

SAID = [pytest.param(*case, id=case[0][:60]) for case in ENGLISH + GERMAN + FRENCH + SPANISH + DUTCH]


@pytest.mark.parametrize(("text", "back"), SAID)
def test_the_stated_return_is_read(text: str, back: str | None) -> None:
    assert day(text) == back


@pytest.mark.parametrize("text", SILENT)
def test_what_is_not_stated_or_may_be_two_days_is_none(text: str) -> None:
    assert day(text) is None


def test_there_are_enough_phrasings() -> None:
    assert len(SAID) >= 120
    assert len({case.values[0] for case in SAID}) == len(SAID)


def test_the_day_begins_in_the_zone_that_is_asked_for() -> None:
    text = "I am out of the office and will be back on 12 May."
    assert back_from(text, SENT, BERLIN) == datetime(2026, 5, 11, 22, tzinfo=UTC)
    assert back_from(text, SENT, NEW_YORK) == datetime(2026, 5, 12, 4, tzinfo=UTC)


def test_tomorrow_is_the_senders_tomorrow() -> None:
    late = datetime(2026, 4, 28, 23, 30, tzinfo=UTC)  # the 29th in Berlin already
    assert day("I'll be back tomorrow.", sent=late, zone=BERLIN) == "04-30"
    assert day("I'll be back tomorrow.", sent=late, zone=NEW_YORK) == "04-29"


def test_in_english_the_zone_tells_which_number_is_the_month() -> None:
    text = "I am out of the office and will be back on 05/06/2026."
    assert day(text, zone=NEW_YORK) == "05-06"
    assert day(text, zone=ZoneInfo("Europe/London")) == "06-05"
    assert day(text, zone=ZoneInfo("America/Toronto")) is None
    assert day(text) is None


def test_one_of_two_readings_that_is_past_leaves_the_other() -> None:
    sent = datetime(2026, 5, 10, 8, tzinfo=UTC)
    assert day("I am back on 05/06/2026.", sent=sent) == "06-05"


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("I'm back on 4 January.", "2027-01-04"),
        ("Ich bin bis 6. Januar im Urlaub.", "2027-01-07"),
        ("Our office is closed from 24 December to 3 January.", "2027-01-04"),
        ("Je suis de retour le lundi 4 janvier.", "2027-01-04"),
        ("Back on the 4th.", "2027-01-04"),
        ("Back Tuesday, January 5", "2027-01-05"),
        ("I'm on leave until the end of January.", "2027-02-01"),
        ("I was back on 2 December.", None),  # next December is not meant
    ],
)
def test_a_year_that_is_not_said_rolls_over(text: str, back: str | None) -> None:
    assert day(text, sent=datetime(2026, 12, 22, 8, tzinfo=UTC)) == back


def test_both_languages_of_a_reply_are_about_the_same_day() -> None:
    text = "Ich bin bis 12. Mai nicht im Büro.\n\nI am out of the office until 12 May."
    assert day(text) == "05-13"
    text = "Je suis absent, de retour le 4 mai.\n---\nI am out of the office, back on May 4."
    assert day(text) == "05-04"


def test_what_the_sender_quotes_is_not_the_senders_word() -> None:
    text = "I'm out of the office until 12 May.\n\nFrom: Milo\nSent: Monday\n> we are back on 30 April"
    assert day(text) == "05-12"


def test_never_past_and_never_more_than_a_year_away() -> None:
    """Every phrasing, sent over a year and a half: each answer is within a year, at a midnight."""
    answers = 0
    for number in range(0, 550, 4):
        sent = SENT + timedelta(days=number, hours=number % 24)
        for case in SAID[number % 7 :: 7]:
            back = back_from(str(case.values[0]), sent, BERLIN)
            if back:
                answers += 1
                assert sent < back <= sent + timedelta(days=367)
                assert back.astimezone(BERLIN).strftime("%H:%M") == "00:00"
    assert answers > 300


def test_only_an_automatic_reply_is_believed() -> None:
    reply = message("C: Automatic reply: I am out of the office until 12 May. For urgent matters call Bo.", 1)
    assert Text().back_from(reply, BERLIN) is not None
    human = message("C: I am back on 12 May, can you look at the printer then?", 1)
    assert Text().back_from(human, BERLIN) is None
