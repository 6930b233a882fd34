"""Runs the migrations on the connection that `store.database.upgrade` hands over."""

from alembic import context
from sqlmodel import SQLModel

from psa_copilot.store import tables  # noqa: F401 - the import fills SQLModel.metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True, transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
