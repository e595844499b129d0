"""Epics as they are stored: in the order in which to build, without circles, every text bounded.

Pure, and the same for the same epics.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from content.epics.dependencies import build_order, named_places, without_circles
from content.epics.values import Backlog, Epic, EpicDraft
from content.tidy_text import paragraphs, shortened
from epics import bounds
from quality.text import comparable, has_words, one_line

_NAMED = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Drafted:
    """The drafts in their order, and what a reader of the run should know."""

    epics: tuple[EpicDraft, ...]
    notes: tuple[str, ...] = ()


def drafted(epics: Sequence[Epic], backlog: Backlog) -> Drafted:
    """The epics, each of which has cards, with the ids of those cards."""
    names = named_places(epics)
    graph, cut = without_circles(epics, {at: names.of(epic) for at, epic in enumerate(epics)})
    order = build_order(epics, graph)
    place = {at: number for number, at in enumerate(order, start=1)}
    ids = {card.code: card.id for card in backlog.cards}
    kept = _kept_ids(backlog)
    drafts = [
        _draft(
            epics[at],
            priority=place[at],
            after=tuple(sorted(place[before] for before in graph[at])),
            after_kept=_after_kept(epics[at], kept, graph[at], epics),
            cards=tuple([ids[code] for code in epics[at].members]),
        )
        for at in order
    ]
    notes = (
        *_cut_notes(epics, cut),
        *_unknown_notes(epics, kept),
        *(note for at in order for note in _length_notes(epics[at])),
    )
    return Drafted(epics=tuple(drafts), notes=notes)


def _kept_ids(backlog: Backlog) -> dict[str, str]:
    """{title or code, comparable: id} of kept epics; a code goes before another one's title."""
    titles = {comparable(epic.title): epic.id for epic in reversed(backlog.kept)}
    return titles | {comparable(epic.code): epic.id for epic in backlog.kept}


def _after_kept(
    epic: Epic, kept: Mapping[str, str], before: Iterable[int], epics: Sequence[Epic]
) -> tuple[str, ...]:
    """The kept epics that it depends on; a title of a new one is that one's."""
    new = {comparable(epics[at].title) for at in before}
    named = (comparable(name) for name in epic.dependencies)
    found = dict.fromkeys(kept[name] for name in named if name in kept and name not in new)
    return tuple(found)[: bounds.LIST_ENTRIES - len(new)]


def _draft(
    epic: Epic,
    *,
    priority: int,
    after: tuple[int, ...],
    after_kept: tuple[str, ...],
    cards: tuple[str, ...],
) -> EpicDraft:
    criteria = dict.fromkeys(map(one_line, epic.acceptance_criteria))
    return EpicDraft(
        priority=priority,
        title=shortened(one_line(epic.title).rstrip("."), bounds.TITLE_CHARS),
        theme=shortened(one_line(epic.theme), bounds.NAME_CHARS),
        description=shortened(paragraphs(epic.description), bounds.TEXT_CHARS),
        business_value=shortened(paragraphs(epic.business_value), bounds.TEXT_CHARS),
        acceptance_criteria=tuple(
            [shortened(text, bounds.CRITERION_CHARS) for text in criteria if has_words(text)]
        )[: bounds.LIST_ENTRIES],
        effort=epic.effort,
        impact=epic.impact,
        after=after,
        after_kept=after_kept,
        cards=cards,
    )


def _cut_notes(epics: Sequence[Epic], cut: Iterable[tuple[int, int]]) -> Iterator[str]:
    for at, before in cut:
        yield (
            f"the dependencies formed a circle, so {_short(epics[at].title)} no longer depends on "
            f"{_short(epics[before].title)}"
        )


def _unknown_notes(epics: Sequence[Epic], kept: Mapping[str, str]) -> Iterator[str]:
    names = named_places(epics)
    unknown = dict.fromkeys(
        _short(name)
        for epic in epics
        for name in epic.dependencies
        if names.place(name) is None and comparable(name) not in kept
    )
    if unknown:
        yield f"dependencies that are no epics were left out: {', '.join(list(unknown)[:10])}"


def _length_notes(epic: Epic) -> Iterator[str]:
    texts = (
        ("title", one_line(epic.title), bounds.TITLE_CHARS),
        ("theme", one_line(epic.theme), bounds.NAME_CHARS),
        ("description", paragraphs(epic.description), bounds.TEXT_CHARS),
        ("business value", paragraphs(epic.business_value), bounds.TEXT_CHARS),
        (
            "acceptance criterion",
            max(map(one_line, epic.acceptance_criteria), key=len, default=""),
            bounds.CRITERION_CHARS,
        ),
    )
    for name, text, most in texts:
        if len(text) > most:
            yield f"too long and cut: the {name} of {_short(epic.title)}, {len(text):,} characters"
    count = len(epic.acceptance_criteria)
    if count > bounds.LIST_ENTRIES:
        yield f"{_short(epic.title)} had {count:,} acceptance criteria; {bounds.LIST_ENTRIES} stay"


def _short(text: str) -> str:
    return shortened(one_line(text), _NAMED)
