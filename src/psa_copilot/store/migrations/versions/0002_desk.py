"""The whole desk: standings, calendars, contacts, canary, backlog, incidents, and what models cost."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "answer",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_answer_at"), ["at"], unique=False)

    op.create_table(
        "appointment",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("starts", sa.String(32), nullable=False),
        sa.Column("ends", sa.String(32), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "remote_id"),
    )
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.create_index("ix_appointment_ticket", ["connection", "ticket"], unique=False)

    op.create_table(
        "backlog",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("released_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("thread_id", "plugin", "key"),
    )
    with op.batch_alter_table("backlog", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_backlog_plugin"), ["plugin"], unique=False)

    op.create_table(
        "canary",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("done_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("connection", "kind"),
    )
    op.create_table(
        "cluster",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("matter", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("began_at", sa.String(32), nullable=False),
        sa.Column("last_at", sa.String(32), nullable=False),
        sa.Column("model_calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("cluster", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cluster_connection"), ["connection"], unique=False)

    op.create_table(
        "cluster_member",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("matter", sa.String(), nullable=False),
        sa.Column("company_id", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(32), nullable=False),
        sa.Column("cluster_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "ticket", "matter"),
    )
    with op.batch_alter_table("cluster_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cluster_member_cluster_id"), ["cluster_id"], unique=False)
        batch_op.create_index("ix_cluster_member_matter", ["connection", "matter", "opened_at"], unique=False)

    op.create_table(
        "contact",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("company_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "remote_id"),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index("ix_contact_email", ["connection", "email"], unique=False)

    op.create_table(
        "spend",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Float(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("spend", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_spend_at"), ["at"], unique=False)

    op.create_table(
        "standing",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("last_key", sa.String(), nullable=False),
        sa.Column("last_by", sa.String(), nullable=False),
        sa.Column("last_at", sa.String(32), nullable=True),
        sa.Column("customer_at", sa.String(32), nullable=True),
        sa.Column("technician_at", sa.String(32), nullable=True),
        sa.Column("responded_at", sa.String(32), nullable=True),
        sa.Column("away_until", sa.String(32), nullable=True),
        sa.Column("bounced", sa.Boolean(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("status_since", sa.String(32), nullable=True),
        sa.Column("history_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("connection", "ticket"),
    )
    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.add_column(sa.Column("facts", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
        batch_op.add_column(sa.Column("happened_at", sa.String(32), nullable=True))

    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tokens", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index("ix_ticket_open", ["connection", "is_open", "remote_id"], unique=False)

    with op.batch_alter_table("write", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sla_before", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("write", schema=None) as batch_op:
        batch_op.drop_column("sla_before")

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index("ix_ticket_open")

    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_column("tokens")

    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.drop_column("happened_at")
        batch_op.drop_column("facts")

    op.drop_table("standing")
    with op.batch_alter_table("spend", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_spend_at"))

    op.drop_table("spend")
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_email")

    op.drop_table("contact")
    with op.batch_alter_table("cluster_member", schema=None) as batch_op:
        batch_op.drop_index("ix_cluster_member_matter")
        batch_op.drop_index(batch_op.f("ix_cluster_member_cluster_id"))

    op.drop_table("cluster_member")
    with op.batch_alter_table("cluster", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cluster_connection"))

    op.drop_table("cluster")
    op.drop_table("canary")
    with op.batch_alter_table("backlog", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_backlog_plugin"))

    op.drop_table("backlog")
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.drop_index("ix_appointment_ticket")

    op.drop_table("appointment")
    with op.batch_alter_table("answer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_answer_at"))

    op.drop_table("answer")
