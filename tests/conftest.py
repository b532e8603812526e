"""Shared by all tests."""

from hypothesis import settings

# No promise of ours is about the time of one example, and the machine is shared.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
