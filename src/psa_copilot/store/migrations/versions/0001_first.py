"""The first schema: mirror, history, owed work, ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "budget",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("blocked_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connection"),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("not_before", sa.String(32), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("thread_id", "plugin", "key"),
    )
    op.create_index("ix_change_due", "change", ["state", "not_before"], unique=False)
    op.create_table(
        "cursor",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "name"),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("wish", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("cost", sa.Float(), nullable=False),
        sa.Column("happened_at", sa.String(32), nullable=True),
        sa.Column("expires", sa.String(32), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("history", sa.JSON(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_decision_at"), "decision", ["at"], unique=False)
    op.create_index("ix_decision_ticket", "decision", ["connection", "ticket"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=True),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("actor_class", sa.String(), nullable=False),
        sa.Column("happened_at", sa.String(32), nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("gap", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_event_ticket", "event", ["connection", "ticket", "id"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("write_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "flag",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("connection", "name"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.Column("done_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connection", "key"),
    )
    op.create_index(op.f("ix_inbox_done_at"), "inbox", ["done_at"], unique=False)
    op.create_table(
        "living_note",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("note_id", sa.String(), nullable=False),
        sa.Column("marker", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("touched", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "ticket", "plugin"),
    )
    op.create_table(
        "lock",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("connection", "ticket", "field", "plugin"),
    )
    op.create_table(
        "message",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("marker", sa.String(), nullable=False),
        sa.Column("sent_at", sa.String(32), nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
        sa.Column("known_at", sa.String(32), nullable=False),
        sa.Column("deleted_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("connection", "ticket", "key", "version"),
    )
    op.create_index(op.f("ix_message_marker"), "message", ["marker"], unique=False)
    op.create_index("ix_message_ticket", "message", ["connection", "ticket", "current"], unique=False)
    op.create_table(
        "plugin_state",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("tripped_at", sa.String(32), nullable=True),
        sa.Column("tripped_why", sa.String(), nullable=False),
        sa.Column("rearmed_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("connection", "plugin"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("last_event", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("thread_id", "plugin", "key"),
    )
    op.create_table(
        "thread",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "thread_alias",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("survivor", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ticket",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("company_id", sa.String(), nullable=False),
        sa.Column("board", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("merged_into", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
        sa.Column("message_state", sa.String(), nullable=False),
        sa.Column("messages_at", sa.String(32), nullable=True),
        sa.Column("messages_read_at", sa.String(32), nullable=True),
        sa.Column("wants", sa.String(), nullable=False),
        sa.Column("deleted_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("connection", "remote_id"),
    )
    op.create_index(op.f("ix_ticket_merged_into"), "ticket", ["merged_into"], unique=False)
    op.create_index(op.f("ix_ticket_parent"), "ticket", ["parent"], unique=False)
    op.create_index(op.f("ix_ticket_thread_id"), "ticket", ["thread_id"], unique=False)
    op.create_index(op.f("ix_ticket_updated_at"), "ticket", ["updated_at"], unique=False)
    op.create_index(op.f("ix_ticket_wants"), "ticket", ["wants"], unique=False)
    op.create_table(
        "write",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("action", sa.JSON(), nullable=False),
        sa.Column("marker", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("not_before", sa.String(32), nullable=False),
        sa.Column("expires", sa.String(32), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("sending_since", sa.Float(), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("read_stamp", sa.String(32), nullable=True),
        sa.Column("receipt", sa.JSON(), nullable=True),
        sa.Column("done_at", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decision.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("marker"),
    )
    op.create_index(op.f("ix_write_decision_id"), "write", ["decision_id"], unique=False)
    op.create_index("ix_write_due", "write", ["state", "not_before"], unique=False)
    op.create_index("ix_write_ticket", "write", ["connection", "ticket", "state"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_write_ticket", table_name="write")
    op.drop_index("ix_write_due", table_name="write")
    op.drop_index(op.f("ix_write_decision_id"), table_name="write")
    op.drop_table("write")
    op.drop_index(op.f("ix_ticket_wants"), table_name="ticket")
    op.drop_index(op.f("ix_ticket_updated_at"), table_name="ticket")
    op.drop_index(op.f("ix_ticket_thread_id"), table_name="ticket")
    op.drop_index(op.f("ix_ticket_parent"), table_name="ticket")
    op.drop_index(op.f("ix_ticket_merged_into"), table_name="ticket")
    op.drop_table("ticket")
    op.drop_table("thread_alias")
    op.drop_table("thread")
    op.drop_table("run")
    op.drop_table("plugin_state")
    op.drop_index("ix_message_ticket", table_name="message")
    op.drop_index(op.f("ix_message_marker"), table_name="message")
    op.drop_table("message")
    op.drop_table("lock")
    op.drop_table("living_note")
    op.drop_index(op.f("ix_inbox_done_at"), table_name="inbox")
    op.drop_table("inbox")
    op.drop_table("flag")
    op.drop_table("feedback")
    op.drop_index("ix_event_ticket", table_name="event")
    op.drop_table("event")
    op.drop_index("ix_decision_ticket", table_name="decision")
    op.drop_index(op.f("ix_decision_at"), table_name="decision")
    op.drop_table("decision")
    op.drop_table("cursor")
    op.drop_index("ix_change_due", table_name="change")
    op.drop_table("change")
    op.drop_table("budget")
