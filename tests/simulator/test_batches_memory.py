"""Ten thousand requests in batches: the simulator keeps them, and not in memory."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil

ROOT = Path(__file__).parents[2]
HEADERS = {"x-api-key": "key", "anthropic-version": "2026-10-21"}
BATCHES, SIZE, PROMPT = 10, 1000, 6000
MOST_GROWTH = 30 * 2**20


def test_memory_stays_flat() -> None:
    command = [sys.executable, "-m", "simulator", "--port", "0", "--batch-ends-after-s", "60"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        url = running.stdout.readline().split()[-1]
        used = psutil.Process(running.pid).memory_info
        with httpx2.Client(base_url=url, headers=HEADERS, timeout=60) as client:
            made(client, "first")
            before = used().rss
            made_ids = [made(client, str(at)) for at in range(BATCHES)]
            client.post("/_sim/clock", json={"advance_s": 60}).raise_for_status()
            assert client.get("/_sim/bill").json()["calls"] == (BATCHES + 1) * SIZE
            assert sum(lines_of(client, id_) for id_ in made_ids) == BATCHES * SIZE
            grown = used().rss - before
        running.terminate()
    assert BATCHES * SIZE * PROMPT > 1.5 * MOST_GROWTH
    assert grown < MOST_GROWTH


def made(client: httpx2.Client, name: str) -> str:
    """A batch's id."""
    requests = [
        {
            "custom_id": f"{name}-{at}",
            "params": {
                "model": "claude-haiku-5-5",
                "max_tokens": 100,
                "messages": [{"role": "user", "content": f"{at} ".ljust(PROMPT, "x")}],
            },
        }
        for at in range(SIZE)
    ]
    body = json.dumps({"requests": requests}).encode()
    answer = client.post("/v1/messages/batches", content=body).raise_for_status()
    return str(answer.json()["id"])


def lines_of(client: httpx2.Client, id_: str) -> int:
    """How many results a batch has."""
    with client.stream("GET", f"/v1/messages/batches/{id_}/results") as answer:
        return sum(1 for _ in answer.iter_lines())
