"""When to look again at a ticket whose change no message explains yet."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("ticket", sa.Column("look_again_at", sa.String(32), nullable=True))
    op.create_index("ix_ticket_doubted", "ticket", ["connection", "look_again_at"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_ticket_doubted", "ticket")
    op.drop_column("ticket", "look_again_at")
