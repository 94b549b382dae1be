"""The comparisons with nautilus_trader: 240 MB, so only `make test-differential` installs it, and without it there is nothing here."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("nautilus_trader") else ["test_*.py"]
