"""Frames of event streams."""

import json

from runs.live.events import Event, Name, frame, without_controls


def test_who_may_only_read_is_offered_nothing_and_reads_all_else() -> None:
    text = 'They say "controls":["pause"] and \\"controls":["x"]'
    run = {"controls": ["pause", "cancel"], "phaseDetail": text, "version": 3}
    data = json.dumps(run, separators=(",", ":")).encode()
    content = frame(Event(name=Name.RUN, data=data)) * 2
    expected = json.dumps({**run, "controls": []}, separators=(",", ":")).encode()
    assert without_controls(content) == frame(Event(name=Name.RUN, data=expected)) * 2
