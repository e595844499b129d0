"""What all tests of the engine need."""

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def _short_lease(settings: Settings) -> None:
    """A server that has been up for less than a lease takes nobody for dead; this one is young."""
    settings.WORKER_LEASE_S = 1
