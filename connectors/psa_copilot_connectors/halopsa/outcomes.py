"""The outcome is Halo's trap: what it does besides is looked at before anything is written with it."""

from __future__ import annotations

from psa_copilot_connectors.halopsa.rows import Row, is_set

DOES = {
    "sendemail": "mails",
    "default_distribution_list": "mails",
    "sendsms": "sends a text message",
    "newstatus": "sets a status",
    "default_linkedticket_status": "sets a status of linked tickets",
    "respondtype": "counts as a response",
    "slaholdischecked": "holds the SLA",
    "slareleaseischecked": "releases the SLA from hold",
    "action_resets_response": "starts the response clock again",
    "chargerate": "charges",
    "isbillingaction": "charges",
    "defaultmanhrs": "logs time",
    "defaultnonbill": "logs time",
    "sendsurvey": "sends a survey",
    "createchildticketortemplate": "makes a child ticket",
    "child_ticket_type_id": "makes a child ticket",
    "child_template_id": "makes a child ticket",
    "todo_template_id": "makes to-dos",
    "approval_process_id": "starts an approval",
    "workflow_id": "starts a workflow",
    "automation_runbookid": "runs a runbook",
    "script_id": "runs a script",
    "azure_action": "acts in Azure",
    "integration_method_id": "calls an integration",
    "run_ai_insights": "has a model read the ticket",
    "defaultagent": "assigns",
    "mustassign": "assigns",
    "defaultsupplier_id": "assigns to a supplier",
    "defaultteam": "moves to another team",
    "default_team_to_agents_default": "moves to another team",
    "defaultpriority": "sets a priority",
    **{f"defaultcat{number}": "sets a category" for number in range(1, 5)},
    "default_asset_status": "sets an asset's status",
    "default_private_note": "leaves another note",
    "show_on_parent": "shows on the parent ticket",
    "show_on_child": "shows on child tickets",
    "default_sync_to_jira": "tells Jira",
    "default_send_jira_note": "tells Jira",
    "default_sync_to_servicenow": "tells ServiceNow",
    "default_sync_to_salesforce": "tells Salesforce",
    "default_send_to_halo": "tells another Halo",
    "default_send_to_pagerduty": "pages somebody",
    "synctosap": "tells SAP",
    "synctodynamics": "tells Dynamics",
}
"""Fields of an outcome, and what it does besides where they are set."""


def does(outcome: Row) -> list[str]:
    """What an outcome does besides keeping a note, in words; nothing is what we want."""
    return list(dict.fromkeys(words for name, words in DOES.items() if is_set(outcome.get(name))))
