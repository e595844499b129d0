"""The supervisor: order, readiness, crash reports, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread, Timer

import pytest

from batchgen.local import supervisor as module
from batchgen.local.child import Child, ChildFailedError, Running, answers, logged
from batchgen.local.local_dir import ROOT
from batchgen.local.supervisor import StopRequestedError, Supervisor
from tests.local.processes import eventually, is_alive

Lines = list[tuple[str, str]]

_SLEEP = "import time; print('up', flush=True); time.sleep(60)"
_CRASH = "import sys, time; print('here', flush=True); time.sleep(.3); sys.exit('no such table')"
_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + _SLEEP
_PARENT = f"""
import subprocess, sys, time
print("grandchild", subprocess.Popen([sys.executable, "-c", {_DEAF!r}]).pid, flush=True)
time.sleep(60)
"""


def python(name: str, code: str, *, grace_s: float = 10, ready_timeout_s: float = 10) -> Child:
    """A child that runs the code, and is ready when it prints something."""
    return Child(
        name=name,
        argv=[sys.executable, "-c", code],
        ready=logged("."),
        ready_timeout_s=ready_timeout_s,
        grace_s=grace_s,
    )


@pytest.fixture
def lines() -> Lines:
    return []


@pytest.fixture
def supervisor(lines: Lines) -> Supervisor:
    return Supervisor(lambda name, line: lines.append((name, line)), signals=False)


def test_children_start_in_order_and_stop_in_reverse(supervisor: Supervisor, lines: Lines) -> None:
    told = (
        "import signal, sys, time\n"
        "def end(*_):\n    print('down', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\nprint('up', flush=True)\ntime.sleep(60)"
    )
    with supervisor:
        for name in ("first", "second", "third"):
            supervisor.start(python(name, told))
    started, stopped = lines[:3], lines[3:]
    assert started == [("first", "up"), ("second", "up"), ("third", "up")]
    assert stopped == [("third", "down"), ("second", "down"), ("first", "down")]


def test_a_crash_is_reported_by_name_with_its_code_and_last_lines(supervisor: Supervisor) -> None:
    with supervisor:
        steady = supervisor.start(python("steady", _SLEEP))
        supervisor.start(python("web", _CRASH))
        with pytest.raises(ChildFailedError) as caught:
            supervisor.watch()
    assert caught.value.name == "web"
    assert str(caught.value).startswith("web ended with exit code 1; its last lines:")
    assert str(caught.value).endswith("no such table")
    assert not is_alive(steady.process.pid)


def test_a_killed_child_is_reported_with_the_signal(supervisor: Supervisor) -> None:
    with supervisor:
        worker = supervisor.start(python("worker", _SLEEP))
        worker.process.kill()
        with pytest.raises(ChildFailedError, match=r"worker was ended by signal 9 \(Killed\)"):
            supervisor.watch()


def test_a_crash_is_noticed_while_another_child_gets_ready(supervisor: Supervisor) -> None:
    with supervisor, pytest.raises(ChildFailedError, match="first ended with exit code 0"):
        supervisor.start_all(
            [
                python("first", "print('up', flush=True); import time; time.sleep(.2)"),
                python("second", "import time; time.sleep(60)"),
            ]
        )


def test_a_child_that_is_not_ready_in_time_is_reported(supervisor: Supervisor) -> None:
    with supervisor, pytest.raises(ChildFailedError, match=r"slow was not ready within 0\.3 s"):
        supervisor.start(python("slow", "import time; time.sleep(60)", ready_timeout_s=0.3))


def test_a_child_that_died_is_started_again_and_it_is_said(
    supervisor: Supervisor, lines: Lines
) -> None:
    with supervisor:
        worker = supervisor.start(replace(python("worker", _SLEEP), restarts=True))
        watching = Thread(target=supervisor.watch)
        watching.start()
        worker.process.kill()
        assert eventually(lambda: lines.count(("worker", "up")) == 2)
        supervisor.stop()
        watching.join()
    assert lines[1] == ("worker", "worker was ended by signal 9 (Killed); it is started again.")


def test_a_child_that_dies_again_and_again_is_given_up(
    supervisor: Supervisor, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_DEATHS", 3)
    with supervisor:
        supervisor.start(replace(python("worker", _CRASH), restarts=True))
        with pytest.raises(
            ChildFailedError, match="worker ended with exit code 1, again and again"
        ):
            supervisor.watch()
    assert lines.count(("worker", "here")) == 4


def test_deaths_long_ago_do_not_count(
    supervisor: Supervisor, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_DEATHS", 1)
    monkeypatch.setattr(module, "_DEATHS_WITHIN_S", 0)
    with supervisor:
        supervisor.start(replace(python("worker", _CRASH), restarts=True))
        watching = Thread(target=supervisor.watch)
        watching.start()
        assert eventually(lambda: lines.count(("worker", "here")) == 4)
        supervisor.stop()
        watching.join()


def test_a_child_that_was_never_ready_is_not_started_again(
    supervisor: Supervisor, lines: Lines
) -> None:
    never = replace(python("worker", _CRASH), ready=logged("nothing"), restarts=True)
    with supervisor, pytest.raises(ChildFailedError, match="worker ended with exit code 1"):
        supervisor.start(never)
    assert lines.count(("worker", "here")) == 1


def test_a_program_that_does_not_exist_is_reported(supervisor: Supervisor) -> None:
    with supervisor, pytest.raises(ChildFailedError, match="cannot start /nowhere/at-all"):
        supervisor.start(Child(name="nobody", argv=["/nowhere/at-all"], ready=lambda _: False))


def test_a_child_that_ignores_the_stop_signal_is_killed(supervisor: Supervisor) -> None:
    with supervisor:
        deaf = supervisor.start(python("deaf", _DEAF, grace_s=0.3))
        began = time.monotonic()
    assert 0.3 <= time.monotonic() - began < 3
    assert not is_alive(deaf.process.pid)


def test_grandchildren_go_with_their_parent(supervisor: Supervisor) -> None:
    with supervisor:
        parent = supervisor.start(python("parent", _PARENT))
        grandchild = int((parent.find(r"grandchild \d+") or "").split()[1])
        assert is_alive(grandchild)
    assert eventually(lambda: not is_alive(grandchild))


def test_run_returns_the_code_and_the_lines(supervisor: Supervisor) -> None:
    code = "print('project 7'); raise SystemExit(3)"
    with supervisor:
        done = supervisor.run(python("load", code), checked=False)
        with pytest.raises(ChildFailedError, match="load ended with exit code 3"):
            supervisor.run(python("load", code))
    assert done.code() == 3
    assert done.find(r"\d") == "7"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_watch_and_everything_stops(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Supervisor(lambda name, line: None) as supervisor:
        child = supervisor.start(python("child", _SLEEP))
        os.kill(os.getpid(), number)
        supervisor.watch()
        with pytest.raises(StopRequestedError):
            supervisor.start(python("late", _SLEEP))
    assert not is_alive(child.process.pid)
    assert signal.getsignal(number) == before


def test_a_second_signal_does_not_wait_for_the_grace() -> None:
    with Supervisor(lambda name, line: None) as supervisor:
        deaf = supervisor.start(python("deaf", _DEAF, grace_s=60))
        os.kill(os.getpid(), signal.SIGTERM)
        supervisor.watch()
        Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert not is_alive(deaf.process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
def test_children_die_with_a_killed_supervisor() -> None:
    script = (
        "import sys, time\n"
        "from batchgen.local.child import Child, logged\n"
        "from batchgen.local.supervisor import Supervisor\n"
        "s = Supervisor(lambda *_: None)\n"
        f"argv = [sys.executable, '-c', {_DEAF!r}]\n"
        "r = s.start(Child(name='c', argv=argv, ready=logged('up')))\n"
        "print(r.process.pid, flush=True)\ntime.sleep(60)"
    )
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    assert eventually(lambda: not is_alive(pid))


def test_ready_when_the_url_answers(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/good" else 503)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name
            pass

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, supervisor:
        Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        running: Running = supervisor.start(python("any", _SLEEP))
        assert answers(f"{url}/good")(running)
        assert not answers(f"{url}/bad")(running)
        server.shutdown()
    assert not answers(f"{url}/good")(running)


def test_output_that_is_no_text_is_shown_all_the_same(supervisor: Supervisor, lines: Lines) -> None:
    with supervisor:
        supervisor.run(python("raw", "import sys; sys.stdout.buffer.write(b'\\xff\\xfe ok\\r\\n')"))
    assert lines == [("raw", "�� ok")]
