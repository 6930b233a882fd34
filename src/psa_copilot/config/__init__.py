"""The configuration: one YAML file, checked whole before anything starts."""

from psa_copilot.config.loading import load
from psa_copilot.config.settings import Config, Connection, EnabledPlugin, Keep, StopLists, Web
from psa_copilot.config.templates import with_template

__all__ = ["Config", "Connection", "EnabledPlugin", "Keep", "StopLists", "Web", "load", "with_template"]
