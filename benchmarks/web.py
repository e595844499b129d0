"""The web process over real HTTP, with somebody signed in."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from django.contrib.auth.models import User

from batchgen.local import stack
from batchgen.local.local_dir import free_port
from benchmarks.bench import Bench

_USER, _PASSWORD = "bench", "bench-only"


@contextmanager
def signed_in(bench: Bench) -> Iterator[httpx2.Client]:
    """A client of a web process that runs until the end of the block; staff, so it sees all."""
    if not User.objects.filter(username=_USER).exists():
        User.objects.create_superuser(username=_USER, password=_PASSWORD)
    port = free_port()
    url = f"{stack.address('127.0.0.1', port)}/api/v1"
    with (
        bench.process(stack.web(bench.environment, "127.0.0.1", port)),
        httpx2.Client(base_url=url, trust_env=False, timeout=30) as client,
    ):
        answer = client.post("/auth/token", json={"username": _USER, "password": _PASSWORD})
        token = answer.raise_for_status().json()["data"]["access"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
