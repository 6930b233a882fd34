"""Mere thanks and receipts, auto-replies and bounces are no activity; anything else is."""

import pytest

from psa_copilot.text import Text
from tests.core.talk import message, thread


def quiet(line: str, **fields: object) -> str:
    last = message(line, 9, **fields)
    talk = thread("C: Hi Milo, tray 2 prints blank pages.", "T: Hello Dana, is it all jobs? ^MB")
    return Text().quiet(last, talk.model_copy(update={"messages": (*talk.messages, last)}))


@pytest.mark.parametrize(
    "text",
    [
        "Thanks",
        "thank you!!",
        "Thank you so much, Milo 😊",
        "Thanks milo",
        "Hi Milo,\nmany thanks for your quick help.\n\nBest regards,\nDana Ruiz\nKestrel Foods\n+1 555 0100",
        "Thanks,\nDana Ruiz\nOffice 4\nKestrel Foods",
        "Brilliant, thanks for sorting this out :)",
        "I appreciate it. Cheers!",
        "Thanks for your patience and understanding. ^AB",
        "You're welcome, Dana! -Milo",
        "No problem at all.",
        "You are most welcome. Glad we could help!",
        "My pleasure /MB",
        "@dana You're very welcome. *MB",
        "Thanks!\n\nOn Mon, Mar 2, 2026 at 9:10 AM Milo Brandt wrote:\n> Is it all jobs?\n> Please restart it.",
        "Thank you. Sent from my phone",
        "Vielen Dank für die schnelle Hilfe!",
        "Danke, gern geschehen",
        "Merci beaucoup pour votre aide",
        "De rien !",
        "Muchas gracias por la ayuda",
        "Hartelijk bedankt voor je hulp",
        "Graag gedaan",
    ],
)
def test_mere_thanks_are_quiet(text: str) -> None:
    assert quiet(f"C: {text}") == quiet(f"T: {text}") == "thanks"


@pytest.mark.parametrize(
    "text",
    [
        "Ok",
        "OK.",
        "Got it!",
        "Noted",
        "Received",
        "Understood",
        "uhhhh ok",
        "👍",
        "Alright",
        "Okay, got it",
        "Great!",
        "Alles klar",
        "Verstanden",
        "Bien reçu",
        "D'accord",
        "Recibido",
        "De acuerdo",
        "Ontvangen",
        "Begrepen",
    ],
)
def test_mere_receipts_are_quiet(text: str) -> None:
    assert quiet(f"C: {text}") == "receipt"


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, but it still prints blank pages.",
        "Thanks for the reply it still fails",
        "Thanks for nothing",
        "Thanks to the update printing fails",
        "Thanks! I'll try that tomorrow.",
        "It works now. Thank you!",
        "OK, done",
        "Done.",
        "Sent!",
        "Yes",
        "No thanks",
        "Will do",
        "Thanks. Fixed.",
        "Thanks. Tuesday.",
        "Thanks, any news?",
        "Thanks, can you call me",
        "Got it?",
        "Thanks, see 4711",
        "Thanks https://kestrel.example/log",
        "You're welcome! Let us know if you need anything else.",
        "Thanks for confirming. Did the light turn amber again?",
        "Great. Tray 2 is still blank",
        "THANKS STILL BROKEN",
        "Thank you so much for all the help with the printer today, I really appreciate it",
        "I would appreciate a call back",
        "So helpful....",
        "😡",
        "",
        "Danke, aber es geht noch nicht",
        "Merci de me rappeler",
        "Gracias, pero no funciona",
        "Bedankt, maar het werkt nog niet",
    ],
)
def test_thanks_with_anything_else_in_it_are_activity(text: str) -> None:
    assert quiet(f"C: {text}") == ""


def test_thanks_with_an_attachment_are_activity() -> None:
    assert quiet("C: Thanks!", has_attachment=True) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Automatic reply: Printer\n\nI am away and will answer soon.",
        "I am out of the office until Monday, March 9. For urgent matters please contact desk@kestrel.example.",
        "Thank you for your email. I am on annual leave with limited access to email and will reply on my return.",
        "Ich bin bis 9. März nicht im Büro. In dringenden Fällen wenden Sie sich bitte an die Zentrale.",
        "Réponse automatique : je suis absente du bureau jusqu'à lundi.",
        "Estoy fuera de la oficina hasta el lunes. En caso de urgencia, llame a la central.",
        "Automatisch antwoord: ik ben afwezig tot maandag.",
        "We have received your request. Your ticket number is #48213. Do not reply to this message.",
    ],
)
def test_auto_replies_are_quiet(text: str) -> None:
    assert quiet(f"C: {text}") == "auto-reply"


@pytest.mark.parametrize(
    "text",
    [
        "I am out of the office until Monday, can somebody look at the printer before that?",
        "I'm on holiday from Friday.",
        "My automatic reply does not switch off since the update, Outlook says that the server cannot be reached.",
        "The printer in the back office is closed off, and the one upstairs jams. I am out of the office tomorrow, so "
        "please talk to Ana. She has the key to the cabinet. The toner is in the second drawer.",
        "We have received your quote and would like to go ahead with three units.",
    ],
)
def test_people_who_mention_an_absence_are_activity(text: str) -> None:
    assert quiet(f"C: {text}") == ""


@pytest.mark.parametrize(
    "text",
    [
        "Undeliverable: Printer\nYour message to dana@kestrel.example couldn't be delivered.",
        "This is the mail system at host mx.kestrel.example. I'm sorry to have to inform you that your message could "
        "not be delivered to one or more recipients.",
        "Delivery has failed to these recipients or groups: dana@kestrel.example",
        "Ihre Nachricht an dana@kestrel.example konnte nicht zugestellt werden.",
    ],
)
def test_bounces_are_quiet(text: str) -> None:
    assert quiet(f"C: {text}") == "bounce"


def test_what_a_mail_daemon_says_is_a_bounce() -> None:
    assert quiet("C: 550 no such user", author="Mailer-Daemon") == "bounce"


def test_somebody_who_asks_about_a_bounce_is_activity() -> None:
    assert quiet("C: Undeliverable: Offer. I get this whenever I write to Ana, please help") == ""
