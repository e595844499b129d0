"""Write the subtasks of a story, by its text and the numbers of its acceptance criteria."""

from typing import Any
from zlib import crc32

from simulator.writing.brief import Fences, parse_object
from simulator.writing.wording import (
    in_third_person,
    one_line,
    parse_statement,
    single_want,
    title_of,
)

_FEWEST, _MOST = 3, 8
_HOURS = (2, 3.5, 4, 6, 8, 12)
#: More than a subtask may take.
_TOO_MANY_HOURS = 60
#: (kind, title, description) in the order of work; {v} is what is done, {p} who wants it.
_TEMPLATES = (
    (
        "design",
        "Sketch how to {v}",
        "Draw the steps in which the {p} can {v}, refusals included. Done when the team agrees.",
    ),
    (
        "data",
        "Store what it takes to {v}",
        "Add the fields that are needed to {v}, with a migration. Done when it ran on a copy.",
    ),
    (
        "backend",
        "Build the service to {v}",
        "Write the rules and the endpoint for it. Done when they do what the criteria say.",
    ),
    (
        "backend",
        "Refuse what keeps people from being able to {v}",
        "Check input and rights before anything is stored. Done when each refusal helps.",
    ),
    (
        "frontend",
        "Build the screen to {v}",
        "One view for the {p}, with a message for each refusal. Done when it works by keys.",
    ),
    (
        "test",
        "Test how to {v}",
        "Write a test for each named criterion. Done when they run with every change.",
    ),
    (
        "docs",
        "Describe how to {v}",
        "Add a page to the help that shows the {p} how to {v}. Done when one {p} has read it.",
    ),
    (
        "ops",
        "Watch how often people {v}",
        "Count uses and refusals, and alert when all are refused. Done when it was tried.",
    ),
)
#: Which of them a set of so many has: places in the list above.
_SETS = {
    3: (2, 4, 5),
    4: (1, 2, 4, 5),
    5: (0, 1, 2, 4, 5),
    6: (0, 1, 2, 4, 5, 6),
    7: (0, 1, 2, 3, 4, 5, 6),
    8: (0, 1, 2, 3, 4, 5, 6, 7),
}
#: Kinds of work that make a criterion true.
_MAKING = frozenset({"backend", "frontend", "data"})


def write_subtasks(fences: Fences, seed: int, weak: bool) -> dict[str, Any]:
    """Subtasks that cover the criteria of the task; weak ones leave out the last of them, and
    one is too large."""
    story, task = parse_object(fences["story"]), parse_object(fences["task"])
    numbers = [number for number in task.get("criteria") or () if isinstance(number, int)]
    covered = numbers[:-1] if weak else numbers
    action, persona = _told(story)
    chosen = [_TEMPLATES[place] for place in _places(task, seed)]
    makers = [place for place, (kind, *_) in enumerate(chosen) if kind in _MAKING] or [0]
    shares = {place: covered[at :: len(makers)] for at, place in enumerate(makers)}
    subtasks = [
        {
            "title": title.format(v=action, p=persona),
            "description": description.format(v=action, p=persona),
            "kind": kind,
            "effortHours": _HOURS[(crc32(f"{kind}{action}".encode()) + seed) % len(_HOURS)],
            "criteria": covered if kind == "test" else shares.get(place, []),
        }
        for place, (kind, title, description) in enumerate(chosen)
    ]
    if weak:
        subtasks[0]["effortHours"] = _TOO_MANY_HOURS
    return {"subtasks": subtasks}


def _places(task: dict[str, Any], seed: int) -> tuple[int, ...]:
    """Of the templates, as many as the task wants: also fewer than a set has."""
    fewest, most = _bound(task.get("minSubtasks"), 1), _bound(task.get("maxSubtasks"), _MOST)
    count = fewest + seed % (max(most, fewest) - fewest + 1)
    places = _SETS[max(count, _FEWEST)]
    return places[-count:] if count < _FEWEST else places


def _bound(value: object, default: int) -> int:
    return min(max(value, 1), _MOST) if type(value) is int else default


def _told(story: dict[str, Any]) -> tuple[str, str]:
    """What the story's persona does, and who that is."""
    told = parse_statement(str(story.get("userStory", "")))
    want = single_want(told[1]) if told else ""
    action = in_third_person(want) if want else _lowered(title_of(one_line(story.get("title"))))
    persona = one_line(story.get("persona")) or (told[0] if told else "")
    return action or "do what the story says", persona or "user"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
