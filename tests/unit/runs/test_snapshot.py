"""A snapshot is what all events so far leave."""

from runs.live.events import Event
from runs.live.snapshot import LINES, Snapshot


def event(name: str, data: str, key: str = "") -> Event:
    return Event(name=name, data=data.encode(), key=key)


def shown(snapshot: Snapshot) -> list[str]:
    return [each.data.decode() for each in snapshot.events()]


def test_a_later_event_replaces_an_epic_in_its_place() -> None:
    snapshot = Snapshot([event("epic", "a1", "a"), event("epic", "b1", "b"), event("run", "r1")])
    snapshot.apply([event("log", "l1"), event("epic", "a2", "a"), event("run", "r2")])
    assert shown(snapshot) == ["l1", "a2", "b1", "r2"]


def test_the_end_comes_last() -> None:
    snapshot = Snapshot([event("run", "r1")])
    snapshot.apply([event("run", "r2"), event("end", "e")])
    assert shown(snapshot) == ["r2", "e"]


def test_it_keeps_the_last_lines_alone() -> None:
    snapshot = Snapshot([event("log", str(number)) for number in range(LINES + 5)])
    assert shown(snapshot) == [str(number) for number in range(5, LINES + 5)]
