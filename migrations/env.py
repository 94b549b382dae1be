"""Alembic's entry point: one transaction under a lock, on the same engines the server uses."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from domain.runtime.database import Database
from domain.runtime.settings import Settings
from migrations.models import Base

LOCK = 7_205_759_403  # any fixed number: the name of the advisory lock


def run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=connection.dialect.name == "sqlite")
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    url = context.config.attributes.get("database_url") or Settings().effective_database_url
    database = Database(url, pool_size=1)
    try:
        async with database.writing() as session:
            connection = await session.connection()
            await connection.run_sync(run)
            await session.commit()
    finally:
        await database.close()


asyncio.run(main())
