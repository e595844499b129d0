"""Epics of many groups as few: merged by calls, level by level where one call cannot hold them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from content.epics.checking import Checked, Wanted
from content.epics.grouping import Bounds, grouped
from content.epics.joining import as_card, folded, with_sources, without_doubles
from content.epics.prompts.lines import epic_line
from content.epics.requests import Kept, about_epics, asked
from content.epics.sizes import CALL_CHARS, last_range, merged_range
from content.epics.values import Epic, EpicsInput, Range
from content.pipeline import Calls, Request

#: Of an epic as models write it.
_TITLE_CHARS, _THEME_CHARS, _DESCRIPTION_CHARS = 45, 20, 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """What the merging calls made of the groups' epics."""

    epics: tuple[Epic, ...]
    notes: tuple[str, ...] = ()


def merge(inp: EpicsInput, found: Sequence[Epic], kept: Kept, wanted: Range) -> Calls[Merged]:
    """The epics of all groups as about so many as are wanted, holding the same cards.

    Each level has at most half as many as the one before, whatever the answers say.

    Raises:
        Refused, OutputCut, UnusableAnswer: see `content.errors`.
    """
    epics, level = tuple(found), 1
    notes: list[str] = []
    while len(batches := _batches(epics)) > 1:
        merged: list[Epic] = []
        for number, batch in enumerate(batches, start=1):
            range_ = merged_range(len(batch))
            part = yield from _merged(inp, batch, kept, range_, ref=f"M{level}.{number}")
            notes += part.notes
            merged += folded(part.epics, max(range_.most, len(batch) // 2))
        epics, level = tuple(merged), level + 1
    last = yield from _merged(inp, epics, kept, last_range(len(epics), wanted), ref=f"M{level}")
    return Merged(epics=without_doubles(last.epics), notes=(*notes, *last.notes))


def foreseen_merges(
    inp: EpicsInput, found: Sequence[Epic], kept: Kept, wanted: Range
) -> Iterator[Request]:
    """The first calls of a merge whose answers have as many epics as they are asked for."""
    epics, level = tuple(found), 1
    while len(batches := _batches(epics)) > 1:
        questions = [
            about_epics(inp, batch, kept, merged_range(len(batch)), ref=f"M{level}.{number}")
            for number, batch in enumerate(batches, start=1)
        ]
        yield from [question.first for question in questions]
        epics = tuple([epic for question in questions for epic in stand_ins(question.wanted)])
        level += 1
    yield about_epics(inp, epics, kept, last_range(len(epics), wanted), ref=f"M{level}").first


def stand_ins(wanted: Wanted) -> list[Epic]:
    """As many epics as an answer is to have, of the usual length, which hold what it is about."""
    count = max(1, (wanted.epics.least + wanted.epics.most) // 2)
    return [_stand_in(f"{wanted.ref}-{at + 1}", wanted.members[at::count]) for at in range(count)]


def _stand_in(ref: str, members: tuple[str, ...]) -> Epic:
    return Epic(
        ref=ref,
        title=f"{ref} ".ljust(_TITLE_CHARS, "x"),
        theme="x" * _THEME_CHARS,
        description="x" * _DESCRIPTION_CHARS,
        business_value="",
        acceptance_criteria=(),
        dependencies=(),
        effort="medium",
        impact="medium",
        priority=1,
        members=members,
    )


def _batches(epics: Sequence[Epic]) -> list[list[Epic]]:
    """Epics in groups that fit one call each, alike ones together."""
    by_ref = {epic.ref: epic for epic in epics}
    bounds = Bounds(cards=max(len(epics), 1), characters=CALL_CHARS)
    groups = grouped([as_card(e) for e in epics], [len(epic_line(e)) + 1 for e in epics], bounds)
    return [[by_ref[card.code] for card in group] for group in groups]


def _merged(
    inp: EpicsInput, found: Sequence[Epic], kept: Kept, wanted: Range, *, ref: str
) -> Calls[Merged]:
    """One call; what its answer leaves out stands on its own, or joins what it is alike to."""
    checked: Checked = yield from asked(inp, about_epics(inp, found, kept, wanted, ref=ref))
    merged = with_sources(checked.epics, found)
    if not checked.left_out:
        return Merged(epics=merged, notes=checked.notes)
    forgotten = [epic for epic in found if epic.ref in set(checked.left_out)]
    note = f"the model merged {len(forgotten)} of {len(found)} found epics into none: " + ", ".join(
        epic.title for epic in forgotten[:10]
    )
    own = [replace(epic, ref=f"{ref}-{epic.ref}") for epic in forgotten]
    return Merged(
        epics=folded([*merged, *own], max(wanted.most, len(merged))),
        notes=(*checked.notes, f"{note}; each stands on its own, or in the one most alike"),
    )
