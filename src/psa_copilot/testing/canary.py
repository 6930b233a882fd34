"""A canary in moved time: stories and demos let it clear the desk in seconds instead of accepting the risk."""

from __future__ import annotations

from psa_copilot import app
from psa_copilot.config import Config
from psa_copilot.engine.flight import WAIT, Orders, Report
from psa_copilot.models import Ref
from psa_copilot.sandbox import Sandbox

CONTACT = "Test Box <canary@msp.example>"


async def clear(config: Config, sandbox: Sandbox, connection: str = "main", **ticket: object) -> Report:
    """Open a test ticket with these fields, and try on it all that the plugins of this configuration may ask for.

    The wait passes as soon as there is nothing else to do. A status that means nothing to the SLA is best: a plugin
    that may not move the SLA is refused its field where the test ticket's target moves.
    """
    number = sandbox.inject({"title": "A test of ours", "contact": CONTACT, **ticket})
    sandbox.advance("1m")  # a clock that a rule starts anew shows another minute then
    mails = len(sandbox.mailbox())

    def tell(line: str) -> None:
        if line.startswith("waiting"):
            sandbox.advance(f"{WAIT.seconds + 1}s")

    orders = Orders(
        agree=lambda _: True,
        mailbox=lambda _: len(sandbox.mailbox()) == mails,
        tell=tell,
        is_a_test_ticket=True,
    )
    ref = Ref(connection=connection, remote_id=str(number))
    return await app.try_canary(config, ref, orders, clock_url=sandbox.clock_url)
