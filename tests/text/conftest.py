"""Property tests try the same examples on every run, and take what time they need."""

from hypothesis import settings

settings.register_profile("callscribe", deadline=None, derandomize=True, database=None)
settings.load_profile("callscribe")
