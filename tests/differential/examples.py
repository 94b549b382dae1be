"""How many examples the comparisons draw: few and always the same ones, or as many others as DIFFERENTIAL_EXAMPLES says."""

import os

from hypothesis import settings

_wanted = os.environ.get("DIFFERENTIAL_EXAMPLES")
examples = settings(max_examples=int(_wanted or 200), derandomize=not _wanted, deadline=None, database=None)
