"""Writes user stories about the project that a brief describes; same brief, same stories."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from zlib import crc32

from simulator.writing.brief import Brief
from simulator.writing.needs import Need, needs_of
from simulator.writing.wording import a_or_an, in_third_person, named, shorter_title, title_of

Story = dict[str, Any]

SHORT_ABOVE_STORIES = 8
"""Sets with more stories carry two criteria each, so that an answer stays readable."""

_BENEFITS = (
    "I can rely on {s} in my daily work",
    "my work on {s} takes fewer steps",
    "I make fewer mistakes with {s}",
    "I need nobody's help with {s}",
)
_FACETS = (
    ("find {s} by keyword", "I reach the right entry without reading all of them"),
    ("see each change to {s} with its date", "I can explain how it came about"),
    ("undo my last change to {s}", "a mistake costs me no more than one step"),
    ("export {s} as a spreadsheet", "I can work on the figures elsewhere"),
    ("get a notice of each change to {s}", "I can act on it the same day"),
    ("filter {s} by date", "I see only what matters to me now"),
    ("keep an unfinished change to {s} as a draft", "no work is lost when I stop"),
    ("read a short help text on {s}", "I can start without a training"),
    ("compare two versions of {s}", "I spot the difference at a glance"),
    ("share a link to {s} with a colleague", "we talk about the same thing"),
    ("see who is in charge of {s}", "I know whom to ask"),
    ("get a clear message when work on {s} fails", "I know what to correct"),
    ("print a summary of {s}", "I can take it into a meeting"),
    ("sort {s} by name", "I find my place quickly"),
    ("reach {s} with the keyboard alone", "I can work without a mouse"),
)
_OPENINGS = (
    (
        "a signed-in {p} with access to {s}",
        "they ask to {v}",
        "the result is shown within 2 seconds and names {t}",
    ),
    (
        "{s} with at least one entry",
        "the {p} asks to {v}",
        "a confirmation that names {t} is shown within 2 seconds",
    ),
    (
        "a signed-in {p} who works with {s}",
        "they ask to {v} and confirm it",
        "the outcome is stored and can be seen again in {t}",
    ),
)
_CRITERIA = (
    (
        "{s} cannot be reached",
        "the {p} tries to {v}",
        "an error message names {s} and no data is changed",
    ),
    (
        "a visitor without the role {p}",
        "they open {s}",
        "access is refused with a message that says why",
    ),
    (
        "a saved change to {s}",
        "another user opens {t} within 1 minute",
        "the change is shown with its author and time",
    ),
    (
        "there are no entries for {t}",
        "the {p} opens it",
        "a hint on the next step is shown instead of an empty page",
    ),
    (
        "an incomplete entry for {s}",
        "the {p} saves it",
        "each missing field is marked and nothing is stored",
    ),
)


def write_stories(brief: Brief, seed: int) -> list[Story]:
    """Between `min_stories` and `max_stories` well-formed stories with unique titles.

    Args:
        seed: a large number that decides all that is left to choice; taken from the prompt.
    """
    needs = needs_of(brief)
    wanted = min(max(len(needs), brief.min_stories), brief.max_stories)
    if len(needs) > wanted:
        wanted = brief.min_stories + seed % (brief.max_stories - brief.min_stories + 1)
        needs = _spread(needs, wanted, seed)
    needs += islice(_facets(needs, seed), wanted - len(needs))
    return [_story(need, at, len(needs), seed) for at, need in enumerate(needs)]


def write_weak_stories(brief: Brief) -> list[Story]:
    """Stories that fit the schema and no quality bar: vague, joined, alike, untestable."""
    return [
        {
            "title": "Story",
            "shorterTitle": "Story",
            "persona": "user",
            "want": "the system to be fast and nice and easy to use (for everybody)",
            "benefit": "",
            "userStory": "The system should be fast and nice and easy to use (for everybody).",
            "acceptanceCriteria": ["It works well."],
            "given|when|then": ["It works well."],
            "technicalNotes": None,
            "priority": "high",
            "effort": "L",
        }
        for _ in range(brief.min_stories)
    ]


def _spread(needs: Sequence[Need], wanted: int, seed: int) -> list[Need]:
    """`wanted` of the needs, evenly spread over all of them, in their order."""
    count = len(needs)
    return [needs[at] for at in sorted((k * count // wanted + seed) % count for k in range(wanted))]


def _facets(needs: Sequence[Need], seed: int) -> Iterator[Need]:
    """Further needs around the systems of the given ones, for epics with few cards."""
    taken = {need.title.casefold() for need in needs}
    for turn in range(max(len(need.systems) for need in needs) * len(_FACETS)):
        for at, need in enumerate(needs):
            action, benefit = _FACETS[(seed + turn + at) % len(_FACETS)]
            system = need.systems[(turn // len(_FACETS)) % len(need.systems)]
            want = f"to {action.format(s=named(system))}"
            title = title_of(want)
            if title.casefold() in taken:
                continue
            taken.add(title.casefold())
            yield Need(
                persona=need.persona,
                want=want,
                title=title,
                action=in_third_person(want),
                benefit=benefit,
                systems=(system, *(other for other in need.systems if other != system)),
                source=need.source,
            )


def _story(need: Need, at: int, count: int, seed: int) -> Story:
    systems = need.systems
    choice = crc32(need.want.encode("utf-8", "surrogatepass")) + seed
    benefit = need.benefit or _BENEFITS[choice % len(_BENEFITS)].format(s=named(systems[0]))
    clauses = list(_criteria(need, choice, short=count > SHORT_ABOVE_STORIES))
    return {
        "title": need.title,
        "shorterTitle": shorter_title(need.want, need.title),
        "persona": need.persona,
        "want": need.want,
        "benefit": benefit,
        "userStory": f"As {a_or_an(need.persona)} {need.persona}, I want {need.want}, "
        f"so that {benefit}.",
        "acceptanceCriteria": ["Given {}, when {}, then {}.".format(*parts) for parts in clauses],
        "given|when|then": ["|".join(parts) for parts in clauses],
        "technicalNotes": _notes(need),
        "priority": ("high", "medium", "low")[at * 3 // count],
        "effort": "S" if len(systems) == 1 else "M" if len(systems) <= 3 else "L",
    }


def _criteria(need: Need, choice: int, *, short: bool) -> Iterator[list[str]]:
    """Each in its three clauses."""
    first, other = named(need.systems[0]), named(need.systems[-1])
    further = range(1 if short else 1 + choice % 3)
    texts = [
        _OPENINGS[choice % len(_OPENINGS)],
        *(_CRITERIA[(choice // 3 + step) % len(_CRITERIA)] for step in further),
    ]
    for clauses in texts:
        yield [clause.format(s=first, t=other, p=need.persona, v=need.action) for clause in clauses]


def _notes(need: Need) -> str | None:
    source = f" Source: {need.source}." if need.source else ""
    return f"Touches {', '.join(need.systems[:3])}.{source}"
