"""Shared by all tests: property tests have no deadline, because a busy machine is no error."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
