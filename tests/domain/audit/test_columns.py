"""No column that could hold a secret gets into the log unseen."""

import re

from domain.audit.changes import is_secret
from migrations.models import Base

SUSPICIOUS = re.compile(r"password|secret|token|digest|hash|passphrase|credential|(^|_)key(_|$)|mac$")
# Columns whose names sound like a secret, and why they hold none.
HARMLESS = {
    "audit_entries.hash": "the log itself is not recorded",
    "audit_entries.key_id": "the log itself is not recorded",
    "audit_entries.mac": "the log itself is not recorded",
    "audit_head.hash": "the log itself is not recorded",
    "idempotency_keys.key": "plumbing is not recorded",
    "notification_mail_rations.key": "plumbing: which mail was sent about what",
    "orders.request_digest": "it tells equal requests from others, and opens nothing",
    "password_failures.key": "plumbing is not recorded",
    "votes.tokens_in": "a count",
    "votes.tokens_out": "a count",
    "wallets.credentials_id": "which credentials, not what they are",
}


def test_every_column_that_sounds_like_a_secret_is_marked_or_known_to_be_harmless() -> None:
    unmarked = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if SUSPICIOUS.search(column.name) and not is_secret(column) and f"{table.name}.{column.name}" not in HARMLESS
    ]
    assert unmarked == [], 'write mapped_column(..., info={"secret": True}), or add the column to HARMLESS with the reason'


def test_list_of_harmless_columns_names_only_what_is_there() -> None:
    there = {f"{table.name}.{column.name}" for table in Base.metadata.sorted_tables for column in table.columns}
    assert set(HARMLESS) <= there
