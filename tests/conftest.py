"""Hypothesis: by default the same examples everywhere, so that a red test is red for all; HYPOTHESIS_PROFILE=fuzz (make
fuzz) draws fresh ones, many more of them."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=50)
settings.register_profile("fuzz", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
