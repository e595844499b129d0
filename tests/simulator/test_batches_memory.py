"""Ten thousand requests in batches, and long results: the simulator keeps them, not in memory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

ROOT = Path(__file__).parents[2]
HEADERS = {"x-api-key": "key", "anthropic-version": "2026-10-21"}
BATCHES, SIZE, PROMPT = 10, 1000, 6000
MOST_GROWTH = 30 * 2**20


class Alone:
    """A simulator of a test's own, and its memory."""

    def __init__(self, url: str, pid: int) -> None:
        self.client = httpx2.Client(base_url=url, headers=HEADERS, timeout=60)
        self._process = psutil.Process(pid)

    def bytes_used(self) -> int:
        return int(self._process.memory_info().rss)

    def post(self, path: str, body: object) -> httpx2.Response:
        return self.client.post(path, content=json.dumps(body)).raise_for_status()

    def made(self, name: str, prompt: int = 1) -> str:
        """A batch's id."""
        params = {"model": "claude-haiku-5-5", "max_tokens": 100_000}
        requests = [
            {
                "custom_id": f"{name}-{at}",
                "params": {
                    **params,
                    "messages": [{"role": "user", "content": f"{at} ".ljust(prompt, "x")}],
                },
            }
            for at in range(SIZE)
        ]
        return str(self.post("/v1/messages/batches", {"requests": requests}).json()["id"])

    def lines_of(self, id_: str) -> int:
        """How many results a batch has."""
        with self.client.stream("GET", f"/v1/messages/batches/{id_}/results") as answer:
            return sum(1 for _ in answer.iter_lines())


@pytest.fixture
def alone() -> Iterator[Alone]:
    command = [sys.executable, "-m", "simulator", "--port", "0", "--batch-ends-after-s", "60"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        simulator = Alone(running.stdout.readline().split()[-1], running.pid)
        yield simulator
        simulator.client.close()
        running.terminate()


def test_memory_stays_flat(alone: Alone) -> None:
    alone.made("first", PROMPT)
    before = alone.bytes_used()
    ids = [alone.made(str(at), PROMPT) for at in range(BATCHES)]
    alone.post("/_sim/clock", {"advance_s": 60})
    assert alone.client.get("/_sim/bill").json()["calls"] == (BATCHES + 1) * SIZE
    assert sum(map(alone.lines_of, ids)) == BATCHES * SIZE
    assert BATCHES * SIZE * PROMPT > 1.5 * MOST_GROWTH
    assert alone.bytes_used() - before < MOST_GROWTH


def test_a_client_that_reads_slowly_costs_no_memory(alone: Alone) -> None:
    match = {"endpoint": "batches.line"}
    long_text = {"type": "text", "text": "x" * 60_000}
    alone.post("/_sim/faults", [{"match": match, "action": long_text}])
    id_ = alone.made("long")
    alone.post("/_sim/clock", {"advance_s": 60})
    before = alone.bytes_used()
    with alone.client.stream("GET", f"/v1/messages/batches/{id_}/results") as answer:
        pieces = answer.iter_raw()
        length = len(next(pieces))
        for _ in range(SIZE):  # turns in which it could have sent more
            alone.client.get("/_sim/clock")
        assert alone.bytes_used() - before < MOST_GROWTH
        length += sum(map(len, pieces))
    assert length > 1.5 * MOST_GROWTH
