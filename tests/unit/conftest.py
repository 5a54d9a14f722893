"""Property tests: the same examples each time, and no clock that a busy machine could trip."""

from hypothesis import settings

settings.register_profile("unit", max_examples=60, deadline=None, derandomize=True, database=None)
settings.load_profile("unit")
