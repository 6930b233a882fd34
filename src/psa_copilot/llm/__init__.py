"""The door to a model: typed answers, inside a budget, behind redaction; litellm is not imported before it is asked.

gateway = Gateway(settings, spend, cache, clock)            # one per process; settings None: no model
llm = gateway.llm(plugin, thread, people=names)             # one per run
recap = await llm.ask(TASK, thread_as_text, answer=Recap)   # a Recap, or None and `llm.why`
"""

from psa_copilot.llm.asking import Call, Llm
from psa_copilot.llm.gateway import Gateway
from psa_copilot.llm.ports import Account, Cache, Limits, Spend, Used, fits
from psa_copilot.llm.settings import CompanyLlm, LlmSettings

__all__ = [
    "Account",
    "Cache",
    "Call",
    "CompanyLlm",
    "Gateway",
    "Limits",
    "Llm",
    "LlmSettings",
    "Spend",
    "Used",
    "fits",
]
