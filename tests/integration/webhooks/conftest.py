"""Webhooks of these tests go to receivers on this machine, as a setting allows them to."""

from ipaddress import ip_network

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def _to_loopback(settings: Settings) -> None:
    settings.WEBHOOK_HTTP = True
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.1/32")]
    settings.WEBHOOK_PORTS = range(1, 65_536)
