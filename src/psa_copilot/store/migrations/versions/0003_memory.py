"""What plugins have learned: its versions, its arrays, and the rules that a human may remove; finding tickets."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_ticket_seen": ("seen_at", "remote_id"),
    "ix_ticket_read": ("messages_read_at", "remote_id"),
    "ix_ticket_company": ("company_id",),
}
"""For what follows the mirror, and for what looks at one client's tickets."""


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "memory",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("arrays", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "plugin", "name"),
    )
    op.create_table(
        "memory_version",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("outcomes", sa.Integer(), nullable=False),
        sa.Column("known_at", sa.String(32), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("connection", "plugin", "version"),
    )
    op.create_table(
        "rule",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("removed_at", sa.String(32), nullable=True),
        sa.Column("removed_why", sa.String(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("connection", "plugin", "name"),
    )
    for name, columns in INDEXES.items():
        op.create_index(name, "ticket", ["connection", *columns], unique=False)


def downgrade() -> None:
    """Back."""
    for name in INDEXES:
        op.drop_index(name, "ticket")
    for table in ("rule", "memory_version", "memory"):
        op.drop_table(table)
