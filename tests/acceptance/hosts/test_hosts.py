"""The network of hosts, and the sum of the limit over them. `make hosts` runs the schedules."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from batchgen.db.ids import new_id
from batchgen.local.local_dir import ROOT
from tests.acceptance.faults.journal import Control, Journal, Step
from tests.acceptance.hosts.in_vain import check_visits
from tests.acceptance.hosts.limits import LATE_S, most_beyond
from tests.acceptance.hosts.network import Host, Network, NoHosts, network, require, sweep
from tests.acceptance.hosts.visits import CLIENTS, Visit, Visits

_MAKER = """
import subprocess, sys, time
from tests.acceptance.hosts.network import network
with network() as made, made.host("a").entered():
    print(made.hosts["a"].namespace, subprocess.Popen(["sleep", "600"]).pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def made() -> Iterator[Network]:
    try:
        with network() as made:
            yield made
    except NoHosts as why:
        pytest.skip(str(why))


def test_a_cut_stops_everything_between_two_hosts_until_each_of_it_is_healed(
    made: Network,
) -> None:
    one, two, three = (made.host(name) for name in ("one", "two", "three"))
    with ExitStack() as opened:
        for host in (two, three):
            with host.entered():
                opened.enter_context(socket.create_server((host.address, 9)))
        made.cut([one], [two])
        made.cut([one], made.all_but(one))
        assert [_reaches(one, host) for host in (two, three)] == [False, False]
        made.heal([one], made.all_but(one))
        assert [_reaches(one, host) for host in (two, three)] == [False, True]
        made.heal([one], [two])
        assert [_reaches(one, host) for host in (two, three)] == [True, True]


def _reaches(one: Host, other: Host) -> bool:
    with one.entered(), suppress(OSError):
        socket.create_connection((other.address, 9), timeout=0.3).close()
        return True
    return False


def test_what_a_killed_maker_left_is_taken_down_by_the_next_one() -> None:
    try:
        require()
    except NoHosts as why:
        pytest.skip(str(why))
    with subprocess.Popen(
        [sys.executable, "-c", _MAKER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout
        namespace, left = maker.stdout.readline().split()
        assert namespace not in sweep()
        maker.send_signal(signal.SIGKILL)
    assert namespace in sweep()
    assert not _lives(int(left))
    assert sweep() == []


def _lives(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_pause_that_was_asked_for_is_no_silence() -> None:
    step = Step(kinds=("H1 worker cut off", "F7 pause, resume"), begun=0, ended=10)
    journal = Journal()
    assert journal.longest_silence_s(step, [1, 2, 8]) == 6
    pause = Control(run_id=new_id(), action="pause", asked=2.5, answered=2.6, in_flight=1, until=6)
    journal.controls.append(pause)
    assert journal.longest_silence_s(step, [1, 2, 2.7, 8]) == 2
    assert journal.longest_silence_s(step, [1, 2, 9.5]) == 3.5
    assert journal.longest_silence_s(step, [7, 8, 9]) == 2.5


def test_where_there_is_nothing_to_do_nobody_is_silent() -> None:
    step = Step(kinds=("H1 worker cut off",), begun=0, ended=10)
    assert Journal().longest_silence_s(step, [1, 2, 8], [(2, 7.5)]) == 2
    assert Journal().longest_silence_s(step, [1, 2, 8], [(4, 7.5)]) == 2
    assert Journal().longest_silence_s(step, [1, 9], [(2, 4)]) == 5


class TestVisits:
    """One step, at 10 to 20 s, with these kinds."""

    def refused(self, kind: str, *visits: Visit) -> list[str]:
        journal = Journal(begun=0, steps=[Step(kinds=(kind,), begun=10, ended=20)])
        check_visits(Visits(made=list(visits)), journal)
        return journal.violations

    def visit(self, status: int, *, at: float = 15, is_clear: bool = True) -> Visit:
        return Visit(
            asked=at, answered=at + 1, method="GET", status=status, told="", is_clear=is_clear
        )

    def test_who_is_told_when_to_ask_again_is_excused_where_a_server_is_away(self) -> None:
        kind = "H4 PostgreSQL killed, failed over"
        assert self.refused(kind, self.visit(503), self.visit(200), self.visit(503)) == []
        assert len(self.refused(kind, self.visit(503, at=30))) == 1
        assert len(self.refused(kind, self.visit(503, is_clear=False))) == 1
        assert len(self.refused(kind, self.visit(502), self.visit(500), self.visit(404))) == 3

    def test_of_a_host_that_is_cut_off_as_many_as_were_under_way_there(self) -> None:
        failed = [self.visit(504) for _ in range(CLIENTS)]
        assert self.refused("H2 web cut off", *failed) == []
        assert len(self.refused("H2 web cut off", *failed, self.visit(0))) == 1

    def test_an_upgrade_excuses_nothing(self) -> None:
        assert len(self.refused("H7 web upgraded one by one", self.visit(503))) == 1


class TestLimit:
    """Ten calls a second, five at once."""

    def beyond(self, begun: list[float], *excused: tuple[float, int]) -> float:
        return most_beyond(begun, per_s=10, burst=5, excused=excused)

    def test_what_is_allowed_is(self) -> None:
        steady = [0.1 * i for i in range(100)]
        assert self.beyond(sorted([*steady, *[5.0] * 5])) <= 0

    def test_a_crowd_is_too_many_by_what_the_window_may_not_have(self) -> None:
        most = 5 + 10 * LATE_S
        assert self.beyond([1.0] * 20) == 20 - most
        assert self.beyond([1.0] * 20, (0.5, 5)) == 0
        assert self.beyond([1.0] * 20, (1.5, 5)) == 20 - most

    def test_a_rate_that_is_a_little_too_high_is_seen_in_a_long_window(self) -> None:
        assert self.beyond([i / 11 for i in range(11 * 60)]) > 0
