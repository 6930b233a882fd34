"""The outcome is Halo's trap: what it does besides is looked at before anything is written with it."""

from __future__ import annotations

from psa_copilot_connectors.halopsa.rows import Row, is_set

_NUMBERS = {
    "sendemail": "mails",
    "sendsms": "sends a text message",
    "newstatus": "sets a status",
    "respondtype": "counts as a response",
    "chargerate": "charges",
    "sendsurvey": "sends a survey",
    "createchildticketortemplate": "makes a child ticket",
    "child_ticket_type_id": "makes a child ticket",
    "approval_process_id": "starts an approval",
    "workflow_id": "starts a workflow",
    "defaultagent": "assigns",
    "defaultmanhrs": "logs time",
    "defaultpriority": "sets a priority",
}
_FLAGS = {
    "slaholdischecked": "holds the SLA",
    "slareleaseischecked": "releases the SLA from hold",
    "action_resets_response": "starts the response clock again",
    "mustassign": "assigns",
    "isbillingaction": "charges",
    "default_sync_to_jira": "tells Jira",
    "default_sync_to_servicenow": "tells ServiceNow",
    "default_sync_to_salesforce": "tells Salesforce",
    "default_send_to_pagerduty": "pages somebody",
}


def does(outcome: Row) -> list[str]:
    """What an outcome does besides keeping a note, in words; nothing is what we want."""
    told = [words for name, words in _NUMBERS.items() if is_set(outcome.get(name))]
    told += [words for name, words in _FLAGS.items() if outcome.get(name) is True]
    return list(dict.fromkeys(told))
