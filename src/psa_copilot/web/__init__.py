"""The daemon's front door: webhooks, health, metrics."""

from psa_copilot.web.app import Desk, Received, build
from psa_copilot.web.server import serving
from psa_copilot.web.token import token_for

__all__ = ["Desk", "Received", "build", "serving", "token_for"]
