"""The program: its flags, its one line, its end."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "simulator"]


def test_flags_and_faults_file(tmp_path: Path) -> None:
    rules = tmp_path / "faults.json"
    rules.write_text(json.dumps([{"action": {"type": "stall"}}]), encoding="utf-8")
    flags = ["--port", "0", "--latency-ms", "5", "--burst-s", "0.5", "--faults", str(rules)]
    with subprocess.Popen([*COMMAND, *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        line = run.stdout.readline()
        assert line.startswith("simulator listening on http://127.0.0.1:")
        url = line.split()[-1]
        with urllib.request.urlopen(f"{url}/_sim/config", timeout=5) as answer:  # noqa: S310  # our own address
            settings = json.load(answer)
        with urllib.request.urlopen(f"{url}/_sim/faults", timeout=5) as answer:  # noqa: S310  # our own address
            assert json.load(answer)["rules"] == 1
        run.terminate()
        assert run.wait(timeout=5) == 0
        assert run.stdout.read() == ""
    assert (settings["latency_ms"], settings["burst_s"]) == (5, 0.5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_quickly_with_a_call_in_flight(number: signal.Signals) -> None:
    flags = ["--port", "0", "--latency-ms", "60000"]
    with subprocess.Popen([*COMMAND, *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        port = int(run.stdout.readline().rsplit(":", 1)[1])
        body = b'{"model":"claude-sonnet-5-5","max_tokens":9,'
        body += b'"messages":[{"role":"user","content":"Hi"}]}'
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plug:
            plug.sendall(
                b"POST /v1/messages HTTP/1.1\r\nx-api-key: k\r\nanthropic-version: 2026-10-21\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(body), body)
            )
            time.sleep(0.1)
            run.send_signal(number)
            assert run.wait(timeout=5) == 0


@pytest.mark.parametrize(
    "flags", [["--latency-ms", "-1"], ["--faults", "/nonexistent.json"], ["--burst-s", "x"]]
)
def test_bad_flags(flags: list[str]) -> None:
    done = subprocess.run([*COMMAND, *flags], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error:" in done.stderr


def test_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert "Choose another --port" in done.stderr
