"""What an answer holds of what it was to hold, what it leaves out, and what is wrong. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from content.epics.answer import EpicSet, WrittenEpic
from content.epics.dependencies import cycle_in, named_places
from content.epics.values import Epic, EpicDefect, Range, Unassigned
from content.tidy_text import shortened
from epics.bounds import code_key
from quality.text import comparable, has_words, one_line

#: Nobody's card is in more epics than that; what an answer says beyond is left out.
MOST_EPICS_OF_CARD = 3
#: More of the cards than that are hardly noise.
_MOST_UNASSIGNED = 0.2
_NAMED = 60
_NAMED_IN_NOTE = 10
_REASON_CHARS = 300
#: What is worth another call.
_GRAVE = frozenset({"left_out", "cycle", "count", "unassigned"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What an answer is held to.

    Attributes:
        noun: what its epics hold: a "card", or an "epic" where epics are merged.
        members: all of those, by code or ref.
        once: each of them stands in one epic only.
        kept: codes and titles of epics that stay, as dependencies may name them.
        ref: how refs of its epics begin: "G3".
    """

    noun: str
    members: tuple[str, ...]
    once: bool
    kept: tuple[str, ...]
    epics: Range
    ref: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """An answer as it counts; `left_out` are members that it says nothing of."""

    epics: tuple[Epic, ...]
    unassigned: tuple[Unassigned, ...] = ()
    left_out: tuple[str, ...] = ()
    defects: tuple[EpicDefect, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether nobody needs to write it again."""
        return not any(defect.kind in _GRAVE for defect in self.defects)

    @property
    def rank(self) -> tuple[int, int, int]:
        """The better, the lower."""
        grave = sum(defect.kind in _GRAVE for defect in self.defects)
        return len(self.left_out), grave, len(self.defects)


def check(answer: EpicSet, wanted: Wanted) -> Checked:
    """Find what the answer holds, each member at most as often as it may stand."""
    reading = _Reading(wanted)
    epics = tuple(reading.epic(place, one) for place, one in enumerate(answer.epics, start=1))
    unassigned = tuple(reading.unassigned(answer))
    away = {one.code for one in unassigned}
    left_out = tuple(
        code for code in wanted.members if not reading.times[code] and code not in away
    )
    defects = (
        *_left_out(left_out, wanted),
        *_count(len(epics), wanted),
        *_many_unassigned(len(unassigned), wanted),
        *reading.defects,
        *_circle(epics),
        *_twice(epics),
        *_unknown_dependencies(epics, wanted.kept),
    )
    return Checked(
        epics=epics,
        unassigned=unassigned,
        left_out=left_out,
        defects=defects,
        notes=tuple(reading.notes()),
    )


class _Reading:
    """Resolves the members of one answer's epics, in their order."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.times: Counter[str] = Counter()
        self.defects: list[EpicDefect] = []
        self._codes = {code_key(code): code for code in wanted.members}
        self._most = 1 if wanted.once else MOST_EPICS_OF_CARD
        self._unknown: list[str] = []
        self._too_often: list[str] = []

    def epic(self, place: int, written: WrittenEpic) -> Epic:
        members = tuple(self._members(place, written))
        if not members:
            self.defects.append(
                EpicDefect(
                    epic=place,
                    kind="empty",
                    message=f"This epic holds no {self.wanted.noun}.",
                    suggestion=f"Give it the {self.wanted.noun}s that it answers, or leave it out.",
                )
            )
        return Epic(
            ref=f"{self.wanted.ref}-{place}",
            title=one_line(written.title),
            theme=one_line(written.theme),
            description=written.description,
            business_value=written.business_value,
            acceptance_criteria=written.acceptance_criteria,
            dependencies=tuple(map(one_line, written.dependencies)),
            effort=written.effort,
            impact=written.impact,
            priority=written.priority or place,
            members=members,
        )

    def _members(self, place: int, written: WrittenEpic) -> Iterator[str]:
        here: set[str] = set()
        unknown: list[str] = []
        for named in written.members:
            code = self._codes.get(code_key(named))
            if code is None:
                unknown.append(shortened(one_line(named), _NAMED))
            elif code in here:
                continue
            elif self.times[code] >= self._most:
                self._too_often.append(code)
            else:
                here.add(code)
                self.times[code] += 1
                yield code
        if unknown:
            self._unknown += unknown
            self.defects.append(
                EpicDefect(
                    epic=place,
                    kind="unknown",
                    message=f"There is no {self.wanted.noun} with the code {_listed(unknown)}.",
                    suggestion="Write codes letter for letter, and none that was not given.",
                )
            )

    def unassigned(self, answer: EpicSet) -> Iterator[Unassigned]:
        """Cards that are in no epic, each once, with a reason that says something."""
        told: set[str] = set()
        for one in answer.unassigned if not self.wanted.once else ():
            code = self._codes.get(code_key(one.code))
            if code and code not in told and not self.times[code] and has_words(one.reason):
                told.add(code)
                yield Unassigned(code=code, reason=shortened(one_line(one.reason), _REASON_CHARS))

    def notes(self) -> Iterator[str]:
        noun = self.wanted.noun
        if self._unknown:
            what = f"{len(self._unknown)} codes that are no {noun}s were left out"
            yield f"{what}: {_listed(self._unknown, _NAMED_IN_NOTE)}"
        if self._too_often:
            where = "one epic" if self.wanted.once else f"{MOST_EPICS_OF_CARD} epics"
            yield f"{_listed(self._too_often, _NAMED_IN_NOTE)} stood in more than {where}"


def _listed(names: Sequence[str], most: int = _NAMED) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _left_out(codes: Sequence[str], wanted: Wanted) -> Iterator[EpicDefect]:
    """Several defects for many, so that each code is named."""
    where = "merged into none" if wanted.once else "in no epic, and not in unassigned"
    for first in range(0, len(codes), _NAMED):
        yield EpicDefect(
            epic=0,
            kind="left_out",
            message=f"These {wanted.noun}s are {where}: "
            f"{', '.join(codes[first : first + _NAMED])}.",
            suggestion="Put each where it fits best.",
        )


def _count(count: int, wanted: Wanted) -> Iterator[EpicDefect]:
    if wanted.epics.misses(count):
        yield EpicDefect(
            epic=0,
            kind="count",
            message=f"The answer has {count:,} epics.",
            suggestion=f"Write {wanted.epics.least} to {wanted.epics.most}.",
        )


def _many_unassigned(count: int, wanted: Wanted) -> Iterator[EpicDefect]:
    if count > max(1, _MOST_UNASSIGNED * len(wanted.members)):
        yield EpicDefect(
            epic=0,
            kind="unassigned",
            message=f"{count} of {len(wanted.members)} cards are unassigned.",
            suggestion="Only cards that voice no need are. Put the others where they fit best.",
        )


def _circle(epics: Sequence[Epic]) -> Iterator[EpicDefect]:
    places = named_places(epics)
    circle = cycle_in({at: places.of(epic) for at, epic in enumerate(epics)})
    if circle:
        shown = " → ".join(epics[at].title for at in (*circle, circle[0]))
        yield EpicDefect(
            epic=0,
            kind="cycle",
            message=f"The dependencies form a circle: {shown}.",
            suggestion="Leave out the dependency that matters least.",
        )


def _twice(epics: Iterable[Epic]) -> Iterator[EpicDefect]:
    first: dict[str, int] = {}
    for place, epic in enumerate(epics, start=1):
        other = first.setdefault(comparable(epic.title), place)
        if other != place:
            yield EpicDefect(
                epic=place,
                kind="same_title",
                message=f"Its title is also that of epic {other}.",
                suggestion="Make one of the two, or say in the titles what tells them apart.",
            )


def _unknown_dependencies(epics: Sequence[Epic], kept: Iterable[str]) -> Iterator[EpicDefect]:
    places, known = named_places(epics), {comparable(name) for name in kept}
    for place, epic in enumerate(epics, start=1):
        for name in epic.dependencies:
            if comparable(name) not in known and places.place(name) is None:
                yield EpicDefect(
                    epic=place,
                    kind="dependency",
                    message=f"It depends on {shortened(name, _NAMED)}, which is no epic.",
                    suggestion="Write the exact title of another epic, or nothing.",
                )
