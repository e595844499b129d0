"""Writes epics of the cards in a prompt, or merges those of several groups; same prompt, same
epics."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.writing.brief import Fences, parse_object
from simulator.writing.wording import (
    a_or_an,
    in_third_person,
    is_telling,
    lowered,
    named,
    one_line,
    title_of,
)

Json = dict[str, Any]

EPICS_MAX = 200
"""More than any task asks for; keeps a mistaken task from filling memory."""
CARDS_TOLD = 3
TITLE_WORDS_MAX = 6
WEAK_LEAVES_OUT_EACH = 4
SMALL_CARDS, LARGE_CARDS = 5, 12

_WORD_CHARACTERS_MIN = 4


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TELL_NOTHING = _words_of(
    "able about access after also all and any another before been being both data each every "
    "from have into like make more most need only other over same should some such than that "
    "their them then there they this through time user users using view want well what when "
    "where which while will with within without work would your"
)
_SIZES = {"S": "a few weeks", "M": "one or two months", "L": "more than two months"}


@dataclass(kw_only=True, slots=True)
class _Part:
    """An epic while it is made: what it is about, and the places of what it holds."""

    label: str
    held: list[int] = field(default_factory=list)


def write_epics(fences: Fences, _seed: int, weak: bool) -> Json:
    """The whole answer: epics that hold each card, or each epic to merge, once.

    Args:
        weak: leave some of them out, and let the dependencies form a circle.
    """
    task = parse_object(fences["task"])
    if fences["groups"]:
        return {"epics": _merged(_objects(fences["groups"]), task, weak=weak)}
    return {"epics": _written(_objects(fences["cards"]), task, weak=weak), "unassigned": []}


def _objects(lines: str) -> list[Json]:
    return [found for line in lines.splitlines() if (found := parse_object(line))]


def _wanted(task: Mapping[str, Any], things: int) -> int:
    """How many epics: the middle of what is asked for, as far as there are things to hold."""
    least, most = _count(task.get("minEpics"), 5), _count(task.get("maxEpics"), 9)
    return max(1, min((least + max(least, most) + 1) // 2, things))


def _count(value: object, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        return default
    return min(value, EPICS_MAX)


def _written(cards: Sequence[Json], task: Mapping[str, Any], *, weak: bool) -> list[Json]:
    labels = [_labels(card) for card in cards]
    parts = _parts(labels, _wanted(task, len(cards)))
    for part in parts if weak else ():
        part.held = [at for at in part.held if at % WEAK_LEAVES_OUT_EACH or len(part.held) == 1]
    epics = [
        _epic(
            part.label,
            [cards[at] for at in part.held],
            priority=place,
            size=len(part.held),
            members=_members("cardCodes", [one_line(cards[at].get("code")) for at in part.held]),
        )
        for place, part in enumerate(parts, start=1)
    ]
    return _depending(epics, weak=weak)


def _merged(groups: Sequence[Json], task: Mapping[str, Any], *, weak: bool) -> list[Json]:
    labels = [
        [one_line(epic.get("title")), one_line(epic.get("theme")), *_words(epic.get("title"))]
        for epic in groups
    ]
    parts = _parts(labels, _wanted(task, len(groups)))
    for part in parts if weak else ():
        part.held = part.held[:1]
    epics = [
        _epic(
            part.label,
            [groups[at] for at in part.held],
            priority=place,
            size=sum(_count(groups[at].get("cards"), 1) for at in part.held),
            members=_members("mergedFrom", [one_line(groups[at].get("ref")) for at in part.held]),
        )
        for place, part in enumerate(parts, start=1)
    ]
    return _depending(epics, weak=weak)


def _members(name: str, codes: list[str]) -> Json:
    return {name: codes, f"{name} with commas between": ",".join(codes)}


def _labels(card: Json) -> list[str]:
    """What a card may be put under, the best first."""
    themes = [text for text in map(one_line, _listed(card.get("themes"))) if text]
    systems = [text for text in map(one_line, _listed(card.get("systems"))) if is_telling(text)]
    return [*themes, *systems, *_words(card.get("title"))]


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(text: object) -> list[str]:
    words = "".join(sign if sign.isalnum() else " " for sign in one_line(text)).split()
    return [
        word
        for word in words
        if len(word) >= _WORD_CHARACTERS_MIN and word.casefold() not in _TELL_NOTHING
    ]


def _parts(labels: Sequence[Sequence[str]], wanted: int) -> list[_Part]:
    """So many parts, each around the label that most things have that are in none yet; what is
    left goes where it shares most labels, else to the smallest."""
    known = [dict.fromkeys(label.casefold() for label in of_one) for of_one in labels]
    written = {label.casefold(): label for of_one in reversed(labels) for label in of_one}
    left = dict.fromkeys(range(len(labels)))
    fair = -(-len(labels) // wanted)
    parts: list[_Part] = []
    while left and len(parts) < wanted:
        counts = Counter(label for at in left for label in known[at])
        label = max(counts, key=lambda one: (min(counts[one], fair), len(one), one), default="")
        held = [at for at in left if label in known[at]][: 2 * fair] or [next(iter(left))]
        parts.append(_Part(label=_name(label, held, known, written), held=held))
        for at in held:
            del left[at]
        _spare(left, held, wanted - len(parts))
    for at in left:
        _nearest(parts, known, at).held.append(at)
    for part in parts:
        part.held.sort()
    return parts


def _name(
    label: str,
    held: Sequence[int],
    known: Sequence[Mapping[str, None]],
    written: Mapping[str, str],
) -> str:
    """A label of one word together with what most of those have that it is of."""
    name = written.get(label, "further needs")
    others = Counter(one for at in held for one in known[at] if label not in one)
    beside = max(others, key=lambda one: (others[one], -len(one), one), default="")
    if " " in name or others[beside] < 2:
        return name
    return f"{name} and {written[beside]}"


def _spare(left: dict[int, None], held: list[int], parts: int) -> None:
    """Give things back where the parts that are still to come would have none."""
    while len(left) < parts and len(held) > 1:
        left[held.pop()] = None


def _nearest(parts: Sequence[_Part], known: Sequence[Mapping[str, None]], at: int) -> _Part:
    def shared(part: _Part) -> int:
        return sum(len(known[other].keys() & known[at].keys()) for other in part.held)

    return max(parts, key=lambda part: (shared(part), -len(part.held)))


def _epic(label: str, things: Sequence[Json], *, priority: int, size: int, members: Json) -> Json:
    titles = [_title(thing) for thing in things[:CARDS_TOLD]]
    personas = list(dict.fromkeys(filter(None, (one_line(t.get("persona")) for t in things))))
    effort = "S" if size < SMALL_CARDS else "M" if size < LARGE_CARDS else "L"
    title = " ".join(label.split()[:TITLE_WORDS_MAX])
    whom = _joined(map(named, personas[:CARDS_TOLD])) or "people"
    return {
        "title": title[:1].upper() + title[1:],
        "theme": title.split()[0].capitalize() if title else "",
        "description": f"What {whom} asked for around {lowered(title)}: {'; '.join(titles)}. "
        f"It takes {_SIZES[effort]} of one team.",
        "businessValue": f"{size} voiced {'need is' if size == 1 else 'needs are'} answered in one "
        "place.",
        "acceptanceCriteria": [_criterion(thing) for thing in things[:CARDS_TOLD]],
        "dependencies": [],
        "effort": effort,
        "impact": ("high", "medium", "low")[min((priority - 1) // 3, 2)],
        "priority": priority,
        **members,
    }


def _title(thing: Json) -> str:
    title = title_of(one_line(thing.get("title"))) or "an open need"
    return title[:1].lower() + title[1:]


def _criterion(thing: Json) -> str:
    persona = one_line(thing.get("persona"))
    if not persona:
        return f"All that belongs to {_title(thing)} can be used."
    return f"{a_or_an(persona).capitalize()} {persona} can {in_third_person(_title(thing))}."


def _joined(names: Iterable[str]) -> str:
    names = list(names)
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _depending(epics: list[Json], *, weak: bool) -> list[Json]:
    """Each title once; each third epic needs the first, and in a weak answer the first the last."""
    seen: Counter[str] = Counter()
    for epic in epics:
        seen[epic["title"]] += 1
        if seen[epic["title"]] > 1:
            epic["title"] += f" {seen[epic['title']]}"
    for epic in epics[2::3]:
        epic["dependencies"] = [epics[0]["title"]]
    if weak and len(epics) > 1:
        epics[0]["dependencies"] = [epics[-1]["title"]]
        epics[-1]["dependencies"] = [epics[0]["title"]]
    return epics
