"""The stages that write a project's epics, over one frozen state."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from content.epics.drafting import drafted
from content.epics.joining import (
    folded,
    in_few_epics,
    with_left_out,
    without_doubles,
)
from content.epics.merging import foreseen_merges, merge, stand_ins
from content.epics.prompts.lines import card_line, is_shortened, kept_lines
from content.epics.requests import Kept, Question, about_cards, asked
from content.epics.sizes import codes_of, group_bounds, group_range, one_call_range, wanted
from content.epics.values import (
    MOST_EPICS,
    Backlog,
    CardInput,
    Epic,
    EpicDraft,
    EpicsInput,
    Range,
    Unassigned,
)
from content.errors import NothingToGenerate
from content.kind import counted
from content.pipeline import Draft, Job, Request, Stage, Steps, Work, plain, run_stages

_NO_BACKLOG, _NONE_KEPT = Backlog(), Kept()
_ANY = Range(least=1, most=MOST_EPICS)
Epics = tuple[EpicDraft, ...]
_NO_DRAFT: Draft[Epics] = Draft(content=(), summary="")
_EPICS, _CARDS = ("epic", "epics"), ("card", "cards")
#: Epics that stay, and cards without an epic, that notes name one by one.
_KEPT_NAMED = 20
_UNASSIGNED_NAMED = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the stages have made so far; each stage returns a new one.

    Attributes:
        groups: the cards that need an epic; one group where one call takes all.
        of_group: how many epics of each.
        wanted: how many new epics in all.
    """

    inp: EpicsInput
    backlog: Backlog = _NO_BACKLOG
    kept: Kept = _NONE_KEPT
    groups: tuple[tuple[CardInput, ...], ...] = ()
    of_group: tuple[Range, ...] = ()
    wanted: Range = _ANY
    epics: tuple[Epic, ...] = ()
    unassigned: tuple[Unassigned, ...] = ()
    notes: tuple[str, ...] = ()
    draft: Draft[Epics] = _NO_DRAFT


def steps(inp: EpicsInput) -> Steps[Draft[Epics]]:
    """Write a project's epics: one call where that takes all cards, else one a group of them and
    those that merge; up to three times as many where answers are cut or have to be repaired.

    Raises:
        GenerationError: no epics can be generated; the message says why.
    """
    state = yield from run_stages(STAGES, State(inp=inp))
    return state.draft


def foreseen(inp: EpicsInput) -> Work[tuple[Request, ...]]:
    """A call about each group of cards, and those that merge the epics that groups are to have."""
    state = yield from _validation(State(inp=inp))
    state = yield from _context_building(state)
    questions = tuple(_questions(state))
    requests = tuple([question.first for question in questions])
    if len(questions) == 1:
        return requests
    found = [epic for question in questions for epic in stand_ins(question.wanted)]
    return (*requests, *foreseen_merges(inp, found, state.kept, state.wanted))


def _validation(state: State) -> Work[State]:
    inp = state.inp
    backlog: Backlog = yield Job(
        key="backlog",
        name="backlog_read",
        args={"project_id": inp.project_id, "run_id": inp.run_id, "options": inp.options},
    )
    if not backlog.cards:
        raise NothingToGenerate(
            "The project has no cards. Add some, or have them analyzed from an upload, then run "
            "it again."
        )
    if not backlog.to_place:
        raise NothingToGenerate(
            f"Each of the {len(backlog.cards):,} cards stands in an epic that stays, so there is "
            "nothing to write. Add cards, or run it without keepEdited and keepApproved."
        )
    return replace(state, backlog=backlog)


def _context_building(state: State) -> Work[State]:
    inp, backlog = state.inp, state.backlog
    cards = backlog.to_place
    lines, not_shown = kept_lines(backlog.kept)
    names = (name for epic in backlog.kept for name in (epic.code, epic.title))
    epics = wanted(
        epic_count=inp.epic_count,
        cards=len(backlog.cards),
        kept=len(backlog.kept),
        to_place=len(cards),
    )
    sizes = [len(card_line(card)) + 1 for card in cards]
    codes = codes_of(cards)
    one = one_call_range(codes, sum(sizes), epics, max_tokens=inp.max_tokens)
    groups: tuple[tuple[CardInput, ...], ...] = (cards,)
    if one is None:
        bounds = group_bounds(codes, epics, max_tokens=inp.max_tokens)
        groups = yield Job(
            key="groups",
            name="cards_group",
            args={"cards": cards, "sizes": sizes, "bounds": bounds},
        )
    return replace(
        state,
        kept=Kept(lines=tuple(lines), names=tuple(names)),
        groups=groups,
        of_group=(one,)
        if one
        else tuple(
            group_range(len(group), len(cards), epics, max_tokens=inp.max_tokens)
            for group in groups
        ),
        wanted=one or epics,
        notes=state.notes + tuple(_context_notes(state, groups, not_shown)),
    )


def _context_notes(
    state: State, groups: tuple[tuple[CardInput, ...], ...], not_shown: int
) -> Iterator[str]:
    backlog = state.backlog
    if backlog.kept:
        named = ", ".join(f"{epic.code} ({epic.why})" for epic in backlog.kept[:_KEPT_NAMED])
        more = len(backlog.kept) - _KEPT_NAMED
        placed = counted(len(backlog.cards) - len(backlog.to_place), _CARDS)
        verb = "stays" if len(backlog.kept) == 1 else "stay"
        yield (
            f"{counted(len(backlog.kept), _EPICS)} {verb}, with {placed}: {named}"
            + (f" and {more} more" if more > 0 else "")
        )
    if not_shown:
        yield f"{not_shown} of the epics that stay did not fit into the prompt"
    cut = sum(map(is_shortened, backlog.to_place))
    if cut:
        yield f"{cut} long cards were shortened for the prompt"
    if len(groups) > 1:
        smallest, largest = min(map(len, groups)), max(map(len, groups))
        yield (
            f"{len(backlog.to_place):,} cards read in {len(groups)} groups of {smallest} to "
            f"{largest}"
        )


def _component_generation(state: State) -> Work[State]:
    epics: tuple[Epic, ...] = ()
    for question in _questions(state):
        checked = yield from asked(state.inp, question)
        epics += tuple(epic for epic in checked.epics if epic.members)
        state = replace(
            state,
            unassigned=state.unassigned + checked.unassigned,
            notes=state.notes + checked.notes,
        )
    return replace(state, epics=epics)


def _questions(state: State) -> Iterator[Question]:
    """One about each group."""
    groups = zip(state.groups, state.of_group, strict=True)
    for number, (group, range_) in enumerate(groups, start=1):
        yield about_cards(
            state.inp, group, state.kept, range_, group=number, groups=len(state.groups)
        )


def _template_assembly(state: State) -> Work[State]:
    if not state.epics:
        raise NothingToGenerate(
            "The model found no need in any card that an epic could be made of. Read what the "
            "cards say, then run it again."
        )
    if len(state.groups) == 1:
        return replace(state, epics=without_doubles(state.epics))
    merged = yield from merge(state.inp, state.epics, state.kept, state.wanted)
    return replace(state, epics=merged.epics, notes=state.notes + merged.notes)


def _quality_validation(state: State) -> State:
    """Whatever the answers said: every card in an epic or told of, and no more epics than
    anybody reviews."""
    cards = {card.code: card for card in state.backlog.cards}
    epics = folded(in_few_epics(state.epics), MOST_EPICS)
    told = {one.code for one in state.unassigned}.union(*(epic.members for epic in epics))
    left_out = [card.code for card in state.backlog.to_place if card.code not in told]
    placed = with_left_out(epics, cards, left_out)
    notes = state.notes + placed.notes
    if state.wanted.misses(len(epics)):
        least, most = state.wanted.least, state.wanted.most
        asked_for = str(most) if least == most else f"{least} to {most}"
        notes = (*notes, f"{len(epics)} new epics, where {asked_for} were asked for")
    return replace(
        state, epics=placed.epics, unassigned=state.unassigned + placed.homeless, notes=notes
    )


def _post_processing(state: State) -> State:
    done = drafted(state.epics, state.backlog)
    notes = (*state.notes, *done.notes, *_unassigned_notes(state.unassigned))
    return replace(state, notes=notes, draft=Draft(content=done.epics, summary=""))


def _unassigned_notes(unassigned: tuple[Unassigned, ...]) -> Iterator[str]:
    if unassigned:
        count = len(unassigned)
        yield f"{counted(count, _CARDS)} {'stands' if count == 1 else 'stand'} in no epic"
    for one in unassigned[:_UNASSIGNED_NAMED]:
        yield f"{one.code} is in no epic: {one.reason}"


def _storage(state: State) -> State:
    cards = len({card for epic in state.draft.content for card in epic.cards})
    summary = f"{counted(len(state.draft.content), _EPICS)} for {counted(cards, _CARDS)}"
    return replace(state, draft=replace(state.draft, summary=summary, notes=state.notes))


STAGES: tuple[Stage[State], ...] = (
    Stage(name="validation", run=_validation),
    Stage(name="context-building", run=_context_building),
    Stage(name="component-generation", run=_component_generation),
    Stage(name="template-assembly", run=_template_assembly),
    Stage(name="quality-validation", run=plain(_quality_validation)),
    Stage(name="post-processing", run=plain(_post_processing)),
    Stage(name="storage", run=plain(_storage)),
)
