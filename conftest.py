"""What holds for all specifications: no property is timed, since a machine may be busy. Benchmarks measure speed."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
