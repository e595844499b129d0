"""The stages that find one upload's cards, over one frozen state."""

from dataclasses import dataclass, replace
from functools import partial

from content.asking import Asked, ask
from content.cards.answer import CardSet, NotACardSet, parse_card_set
from content.cards.drafts import Checked, checked
from content.cards.prompts.conversation import system_blocks
from content.cards.quotes import Levelled
from content.cards.repair import mended
from content.cards.requests import WORDING, first_request, repair_request
from content.cards.values import AnalysisInput, CardDraft, Part, PromptContext
from content.errors import NothingToGenerate, TargetGone
from content.pipeline import Calls, Draft, Job, Request, Stage, Steps, Work, plain, run_stages

Cards = tuple[CardDraft, ...]
_NO_CONTEXT = PromptContext()
_NO_DRAFT: Draft[Cards] = Draft(content=(), summary="")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the stages have made so far; each stage returns a new one."""

    inp: AnalysisInput
    context: PromptContext = _NO_CONTEXT
    #: Of each part.
    generated: tuple[Asked[CardSet], ...] = ()
    checked: tuple[Checked, ...] = ()
    cards: Cards = ()
    notes: tuple[str, ...] = ()
    draft: Draft[Cards] = _NO_DRAFT


def steps(inp: AnalysisInput) -> Steps[Draft[Cards]]:
    """Find one upload's cards, with at most 4 provider calls for each of its parts.

    Raises:
        GenerationError: this upload cannot be analyzed; the message says why.
    """
    state = yield from run_stages(STAGES, State(inp=inp))
    return state.draft


def foreseen(inp: AnalysisInput) -> Work[tuple[Request, ...]]:
    """The call about each part."""
    state = _context_building((yield from _validation(State(inp=inp))))
    return tuple([first_request(inp, state.context, part) for part in state.context.parts])


def _validation(state: State) -> Work[State]:
    args = {"upload_id": state.inp.upload_id}
    parts: tuple[Part, ...] = yield Job(key="text", name="upload_read", args=args)
    if not parts:
        raise TargetGone("The upload was deleted after the run had begun.")
    if state.inp.room <= 0:
        raise NothingToGenerate(
            "The project is full: it takes no more cards. Delete some, then run it again."
        )
    return replace(state, context=PromptContext(parts=parts))


def _context_building(state: State) -> State:
    system = system_blocks(state.inp.prompts, state.inp.project)
    return replace(state, context=replace(state.context, system=system))


def _component_generation(state: State) -> Calls[State]:
    generated: tuple[Asked[CardSet], ...] = ()
    for part in state.context.parts:
        asked = yield from _asked(state, part)
        generated = (*generated, asked)
    return replace(state, generated=generated)


def _asked(state: State, part: Part) -> Calls[Asked[CardSet]]:
    def repair(max_tokens: int, text: str, miss: NotACardSet) -> Request:
        return repair_request(
            state.inp,
            state.context,
            part,
            reason="form",
            max_tokens=max_tokens,
            previous=text,
            defects=miss.defects,
        )

    return (
        yield from ask(
            first_request(state.inp, state.context, part),
            wording=WORDING,
            read=partial(parse_card_set, frame=state.inp.frame),
            miss=NotACardSet,
            repair=repair,
        )
    )


def _template_assembly(state: State) -> State:
    pairs = zip(state.context.parts, state.generated, strict=True)
    found = tuple([checked(Levelled(part.text), asked.answer) for part, asked in pairs])
    return replace(state, checked=found)


def _quality_validation(state: State) -> Calls[State]:
    found: list[Checked] = []
    notes: list[str] = []
    for place, part in enumerate(state.context.parts):
        better, note = yield from mended(
            state.inp,
            state.context,
            part,
            state.checked[place],
            max_tokens=state.generated[place].max_tokens,
        )
        found.append(better)
        if note:
            notes.append(f"part {part.number}: {note}" if part.parts > 1 else note)
    return replace(state, checked=tuple(found), notes=(*state.notes, *notes))


def _post_processing(state: State) -> Work[State]:
    given = tuple([draft for found in state.checked for draft in found.drafts])
    args = {"cards": given, "kept": state.inp.kept}
    cards, standing = yield Job(key="merge", name="cards_merge", args=args)
    kept = cards[: state.inp.room]
    unquoted = sum(not card.quote for card in kept)
    counts = {
        "put together with others that say the same": len(given) - standing - len(cards),
        "left out for a card that stays": standing,
        "left out, because the project is full": len(cards) - len(kept),
        "without a quote that is in the upload": unquoted,
    }
    notes = [f"{count} {what}" for what, count in counts.items() if count]
    if not given:
        notes.append("the upload voices no use case")
    return replace(state, cards=kept, notes=(*state.notes, *notes))


def _storage(state: State) -> State:
    count, parts = len(state.cards), len(state.context.parts)
    summary = f"{count} card{'' if count == 1 else 's'}"
    if parts > 1:
        summary += f" from {parts} parts"
    return replace(state, draft=Draft(content=state.cards, summary=summary, notes=state.notes))


STAGES: tuple[Stage[State], ...] = (
    Stage(name="validation", run=_validation),
    Stage(name="context-building", run=plain(_context_building)),
    Stage(name="component-generation", run=_component_generation),
    Stage(name="template-assembly", run=plain(_template_assembly)),
    Stage(
        name="quality-validation",
        run=_quality_validation,
        can_skip=lambda state: state.inp.skip_quality_check,
    ),
    Stage(name="post-processing", run=_post_processing),
    Stage(name="storage", run=plain(_storage)),
)
