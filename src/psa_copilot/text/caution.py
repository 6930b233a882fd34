"""Sentences that a note must not repeat: secrets, and orders addressed to software."""

from __future__ import annotations

import re
from functools import cache

_SECRECY = (
    r"(?:password|passwd|passcode|passphrase|pass phrase|pwd|pass|pin|pin code|pincode|secret|api[- _]?key|"
    r"access[- _]?key|"
    r"client[- _]?secret|token|recovery key|bitlocker key|licen[cs]e key|product key|credentials?|otp|2fa code|"
    r"mfa code|"
    r"one[- ]time code|passwort|kennwort|zugangsdaten|mot de passe|contraseña|clave|wachtwoord)"
)
# "The password is wrong" is a problem; "the password is swordfish" is a secret.
_HARMLESS = (
    r"(?:not|n't|no|wrong|expired|expiring|incorrect|invalid|being|been|required|rejected|refused|asked|"
    r"unknown|missing|"
    r"reset|set|changed|correct|right|fine|ok|okay|the|a|an|my|his|her|our|your|their|same|still|always|never|"
    r"blocked|"
    r"locked|lost|forgotten|needed|accepted|working|failing|too|in|on|from|for|to|that|this|what|due|about|"
    r"falsch|abgelaufen|nicht|gesperrt|incorrecto|expiré|incorrect|verlopen|fout|niet|pas)\b"
)
_SECRETS = (
    rf"\b{_SECRECY}\b\W{{0,3}}(?:(?:is|was|ist|war|lautet|est|es|now|still|currently|jetzt)\s+|\s*(?:is|"
    rf"are)?\s*[:=]\s*|\s*->\s*)+"
    rf"[\"'(]*(?!{_HARMLESS})\S",
    rf"\b{_SECRECY}\s+(?=\S*\d)(?=\S*[^\W\d_])(?!\d+\b)[^\s,;]{{6,}}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\b(?:ghp|gho|ghs|sk|xox[abp])[-_][A-Za-z0-9_-]{16,}|\beyJ[\w-]{10,}\.[\w-]{10,}",
    r"\b(?=[A-Za-z0-9+_]{24})(?=\S*\d)(?=\S*[a-z])(?=\S*[A-Z])[A-Za-z0-9+_]{24,}={0,2}",
    r"\b(?:\d[ -]?){13,19}\b|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?\b",
    r"\b(?:\d{6}-){7}\d{6}\b|\b(?:[A-Z0-9]{5}-){4}[A-Z0-9]{5}\b",
)
_SOFTWARE = (
    r"(?:a\.?i\.?|llms?|gpt|chatgpt|assistants?|chatbots?|bots?|copilot|language models?|models?|agents?|"
    r"summari[sz]ers?)"
)
_ADDRESSED = (
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,30}\b(?:previous|prior|above|earlier|preceding|"
    r"existing|all|your|these|any)\b"
    r".{0,30}\b(?:instructions?|prompts?|rules?|guidelines?|directions?|context|messages?|text|policy|policies)\b",
    r"\b(?:forget|ignore) everything\b|\bnew (?:system )?instructions? ?:|\bsystem (?:prompt|override|"
    r"message) ?\b|\bprompt injection\b",
    rf"\b(?:dear|attention|note (?:to|for)|instructions? (?:to|for)|message (?:to|for)|hey|hello|hi) (?:the |"
    rf"any |all )?(?:an? )?{_SOFTWARE}\b",
    rf"(?:^|<!--|\[|\()\s*{_SOFTWARE} ?[:,]",
    rf"\b(?:you are|you're|act as|pretend to be|behave as) (?:now )?(?:an? |the |"
    rf"in )?(?:\w+ ){{0,3}}(?:{_SOFTWARE}|developer mode|dan|unrestricted)\b",
    rf"\b(?:ai|automated|software) {_SOFTWARE}\b.{{0,40}}\b(?:must|should|shall|will|please|need to|have to)\b|"
    rf"\b(?:bots|agent bots|llms?|language models?|ai)\b.{{0,30}}\b(?:must|should|shall|need to|have to)\b",
    r"<\|?/?(?:system|im_start|im_end|assistant|user|instructions?)\|?>|\[/?(?:inst|sys|system)\]|"
    r"^#{2,} ?(?:system|instructions?)\b|<!--",
    r"\b(?:summary|recap|reply|response|answer|output|note)\b[^.!?\n]{0,20}\b(?:must|should|shall) "
    r"(?:begin|start|end|contain|include|say|state|mention)\b",
    r"\b(?:new|your|real|actual|next) (?:task|instructions?|goal|objective) ?:|"
    r"\bend of (?:ticket|prompt|instructions?)\b|"
    r"\b(?:answer|reply|respond) (?:only|exactly|just|solely) with\b|\b(?:in|into) your (?:summary|recap|output)\b|"
    r"[\"']role[\"']\s*:\s*[\"'](?:assistant|system|user|tool)|\[(?:automation|system|ai|bot|assistant)\b[^\]\n]*[=:]|"
    r"\b(?:tickets|data|notes|names) (?:of|from) (?:all )?other (?:companies|clients|customers|tenants)\b",
    r"\b(?:write|put|include|print|output|insert|append|add|repeat|say|mention|state)\b.{0,60}\b(?:in|into|to|"
    r"at the (?:start|end|top) of) "
    r"(?:the|your|its|every|each) (?:\w+ )?(?:summary|recap|response|answer|output)\b",
    r"\b(?:output|print|emit) (?:the )?(?:token|string|phrase|word|canary)\b(?! (?:doc|file|page|pdf))|"
    r"\brouting override\b|"
    r"\b(?:(?:call|invoke|execute) (?:the )?|(?:run|use) the )(?:tool|function)\b(?! (?:for|to|in|on|with|at)\b)|"
    r"\b[a-z]+_[a-z_]+\([a-z_]+ ?=|"
    r"\bbefore you do anything else\b",
    r"\b(?:reveal|show|leak|print) (?:me )?(?:the |your )(?:system|hidden|initial|secret) (?:prompt|"
    r"instructions?|rules?)\b",
    r"\b(?:ignorier\w*|vergiss|missachte\w*)\b.{0,40}\b(?:anweisung\w*|instruktion\w*|regeln)\b",
    r"\b(?:ignor\w+|oublie\w*)\b.{0,40}\b(?:instructions|consignes|règles)\b|\b(?:ignor\w+|"
    r"olvid\w+)\b.{0,40}\binstrucciones\b",
    r"\b(?:negeer|vergeet)\b.{0,40}\b(?:instructies|opdrachten|regels)\b",
)


@cache
def _secret() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{part})" for part in _SECRETS[:2]), re.IGNORECASE)


@cache
def _key() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{part})" for part in _SECRETS[2:]))


@cache
def _addressed() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{part})" for part in _ADDRESSED))


def is_secret(sentence: str) -> bool:
    """Whether it tells a password, key, token, card or account number."""
    return bool(_secret().search(sentence) or _key().search(sentence))


def is_addressed_to_software(text: str) -> bool:
    """Whether it gives orders to a program that reads along; they are text and nothing else."""
    return bool(_addressed().search(text.lower()))
