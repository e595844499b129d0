"""The calls that a project's epics take, and what comes of one: read, checked, repaired once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from content.asking import MOST_CALLS, Asked, Wording, ask, finished
from content.epics.answer import EpicSet, NotAnEpicSet, parse_epic_set, schema_for
from content.epics.answer_forms import BETWEEN
from content.epics.checking import Checked, Wanted, check
from content.epics.prompts.conversation import (
    cards_text,
    merge_text,
    repair_text,
    system_blocks,
)
from content.epics.prompts.lines import card_line, epic_line
from content.epics.sizes import answer_tokens, cap_for, codes_of
from content.epics.values import CardInput, Epic, EpicDefect, EpicsInput, Range
from content.errors import OutputCut, Refused
from content.instructions import instructed
from content.pipeline import Calls, Request
from providers.values import Completion, CompletionRequest

#: How errors name what is made here.
WORDING = Wording(target="project", content="epics")
_DIGEST_BYTES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """The epics that stay: as lines of a prompt, and as dependencies may name them."""

    lines: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One call's request and what its answer is held to."""

    first: Request
    wanted: Wanted


def about_cards(
    inp: EpicsInput,
    cards: Sequence[CardInput],
    kept: Kept,
    epics: Range,
    *,
    group: int,
    groups: int,
) -> Question:
    """The call for the epics of these cards, all there are or one group of several."""
    task = {
        "minEpics": epics.least,
        "maxEpics": epics.most,
        "language": inp.language,
        "group": group,
        "groups": groups,
    }
    codes = codes_of(cards)
    return _question(
        inp,
        key=f"group-{group}" if groups > 1 else "generate",
        user=cards_text(inp.prompts, task, map(card_line, cards), kept.lines),
        merging=False,
        tokens=answer_tokens(codes, epics.most),
        wanted=Wanted(
            noun="card",
            members=tuple(codes),
            once=False,
            kept=kept.names,
            epics=epics,
            ref=f"G{group}",
        ),
    )


def about_epics(
    inp: EpicsInput, found: Sequence[Epic], kept: Kept, epics: Range, *, ref: str
) -> Question:
    """The call that merges epics of several groups."""
    task = {
        "minEpics": epics.least,
        "maxEpics": epics.most,
        "language": inp.language,
        "cards": len({code for epic in found for code in epic.members}),
    }
    refs = [epic.ref for epic in found]
    return _question(
        inp,
        key=f"merge-{ref.removeprefix('M')}",
        user=merge_text(inp.prompts, task, map(epic_line, found), kept.lines),
        merging=True,
        tokens=answer_tokens(refs, epics.most),
        wanted=Wanted(
            noun="epic", members=tuple(refs), once=True, kept=kept.names, epics=epics, ref=ref
        ),
    )


def _question(
    inp: EpicsInput, *, key: str, user: str, merging: bool, tokens: int, wanted: Wanted
) -> Question:
    completion = CompletionRequest(
        model=inp.model,
        max_tokens=cap_for(tokens, max_tokens=inp.max_tokens),
        system=system_blocks(inp.prompts, inp.project, merging=merging),
        user=instructed(user, inp.instructions),
        schema=schema_for(merging=merging, listed=any(map(BETWEEN.search, wanted.members))),
        marker=inp.item_id,
        purpose="merge" if merging else "generate",
    )
    # Of what the call is about: where cards changed between two attempts, an answer about the old
    # ones is none about these.
    digest = blake2b(completion.user.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    alike = "merge" if merging else "epics"
    return Question(
        first=Request(key=f"{key}-{digest}", completion=completion, alike=alike), wanted=wanted
    )


def asked(inp: EpicsInput, question: Question) -> Calls[Checked]:
    """The answer to a call, or a better one from one repair call.

    A repair that is refused, cut, unreadable or no better changes nothing. Nothing is put right
    here: what is still wrong is for the code behind to put right.

    Raises:
        Refused, OutputCut, UnusableAnswer: see `content.errors`.
    """

    def repair(max_tokens: int, text: str, miss: NotAnEpicSet) -> Request:
        return _repair(
            inp, question, "repair", max_tokens=max_tokens, previous=text, defects=miss.defects
        )

    got: Asked[EpicSet] = yield from ask(
        question.first, wording=WORDING, read=parse_epic_set, miss=NotAnEpicSet, repair=repair
    )
    first = check(got.answer, question.wanted)
    if first.passes or inp.skip_quality_check or got.calls >= MOST_CALLS:
        return first
    completion = yield _repair(
        inp,
        question,
        "quality",
        max_tokens=got.max_tokens,
        previous=_as_answer(got.answer, question.wanted),
        defects=first.defects,
    )
    second = _read(completion, question.wanted)
    if second is None:
        return _noted(first, f"{_figures(first)}; their repair was not usable")
    better = min(first, second, key=lambda checked: checked.rank)  # of equals the first
    outcome = "kept" if better is second else "not kept"
    return _noted(better, f"{_figures(first)}, repaired with {_figures(second)}; repair {outcome}")


def _repair(
    inp: EpicsInput,
    question: Question,
    word: str,
    *,
    max_tokens: int,
    previous: object,
    defects: Sequence[EpicDefect],
) -> Request:
    first = question.first
    completion = replace(
        first.completion,
        max_tokens=max_tokens,
        user=repair_text(inp.prompts, first.completion.user, previous=previous, defects=defects),
        purpose="repair",
    )
    return Request(key=f"{first.key}-{word}", completion=completion, alike=f"{first.alike} repair")


def _read(completion: Completion, wanted: Wanted) -> Checked | None:
    """The second answer, checked; None when the call brought none."""
    try:
        answer = parse_epic_set(finished(completion, WORDING).text)
    except (Refused, OutputCut, NotAnEpicSet):
        return None
    return check(answer, wanted)


def _as_answer(answer: EpicSet, wanted: Wanted) -> Mapping[str, Any]:
    """As the schema has it, for a repair call."""
    said = answer.model_dump(by_alias=True)
    for epic in said["epics"]:
        del epic["priority"]
        epic["mergedFrom" if wanted.once else "cardCodes"] = epic.pop("members")
    if wanted.once:
        del said["unassigned"]
    return said


def _figures(checked: Checked) -> str:
    count = len(checked.defects)
    return f"{len(checked.epics)} epics with {count} defect{'s' * (count != 1)}"


def _noted(checked: Checked, text: str) -> Checked:
    return replace(checked, notes=(*checked.notes, text))
