"""The web process as for the tests of live events."""

from tests.acceptance.live.conftest import empty_redis, standing, starter, web, world

__all__ = ["empty_redis", "standing", "starter", "web", "world"]
