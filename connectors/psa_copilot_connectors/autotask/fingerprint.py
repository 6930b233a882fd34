"""A hash over everything in Autotask's setup that decides what a write sets off, as far as its API tells that."""

from __future__ import annotations

import hashlib
import json

from psa_copilot_connectors.autotask.rows import Row
from psa_copilot_connectors.autotask.settings import AutotaskSettings
from psa_copilot_connectors.autotask.site import Site

ENTITIES = ("Tickets", "TicketNotes", "TimeEntries", "ServiceCalls")
"""What we write. Their workflow rules are hidden, so this is of the values that rules may go by."""
_SAYS = ("name", "isRequired", "isReadOnly", "picklistValues")


async def fingerprint(site: Site, settings: AutotaskSettings) -> str:
    """The fields of what we write, with their values, and what the admin has told of rules."""
    told = {
        "fields": {entity: [_plain(one) for one in await site.fields(entity)] for entity in ENTITIES},
        "mailing": sorted(settings.mailing_statuses),
        "sla": sorted(settings.sla_statuses),
        "work type": settings.work_type,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _plain(field: Row) -> Row:
    values = field.get("picklistValues") or []
    in_order = sorted(values, key=lambda value: json.dumps(value, sort_keys=True))  # the PSA keeps no order
    return {**{name: field.get(name) for name in _SAYS}, "picklistValues": in_order}
