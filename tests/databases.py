"""The mark for a test that runs on SQLite and on PostgreSQL."""

import pytest

both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
