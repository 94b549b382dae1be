"""Brings an empty or older database up to date, one process at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).resolve().parent


def alembic_config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT))
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Run the migrations that the database lacks; blocks, so call it from a thread. Waits while another process does the same."""
    command.upgrade(alembic_config(database_url), revision)
