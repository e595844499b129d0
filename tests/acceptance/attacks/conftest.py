"""The web process as for the tests of live events."""

from tests.acceptance.live.conftest import starter, world

__all__ = ["starter", "world"]
