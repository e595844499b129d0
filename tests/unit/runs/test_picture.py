"""A picture is what all events so far leave."""

from runs.live.events import Event
from runs.live.picture import LINES, Picture


def event(name: str, data: str, key: str = "") -> Event:
    return Event(name=name, data=data.encode(), key=key)


def shown(picture: Picture) -> list[str]:
    return [each.data.decode() for each in picture.events()]


def test_a_later_event_replaces_an_epic_in_its_place() -> None:
    picture = Picture([event("epic", "a1", "a"), event("epic", "b1", "b"), event("run", "r1")])
    picture.apply([event("log", "l1"), event("epic", "a2", "a"), event("run", "r2")])
    assert shown(picture) == ["l1", "a2", "b1", "r2"]


def test_the_end_comes_last() -> None:
    picture = Picture([event("run", "r1")])
    picture.apply([event("run", "r2"), event("end", "e")])
    assert shown(picture) == ["r2", "e"]


def test_it_keeps_the_last_lines_alone() -> None:
    picture = Picture([event("log", str(number)) for number in range(LINES + 5)])
    assert shown(picture) == [str(number) for number in range(5, LINES + 5)]
