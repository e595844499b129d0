"""The suite's simulator fixture speaks the simulator's control endpoint."""

from tests.conftest import Simulator


def test_the_fixture_reads_and_changes_the_simulator(simulator: Simulator) -> None:
    simulator.reset()
    assert simulator.config(latency_ms=5)["latency_ms"] == 5
    assert simulator.faults([])["rules"] == 0
    assert simulator.stats()["calls"] == []
