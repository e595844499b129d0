"""The stages that break one story down, over one frozen state."""

from dataclasses import dataclass, replace

from content.asking import Asked, ask
from content.errors import InvalidInput, NothingToGenerate
from content.pipeline import Calls, Draft, Request, Stage, Steps, plain, run_stages
from content.subtasks.answer import NO_SUBTASKS, NotASubtaskSet, SubtaskSet, parse_subtask_set
from content.subtasks.context import build_context
from content.subtasks.coverage import criterion_text, uncovered
from content.subtasks.drafts import assemble, fewer, needed
from content.subtasks.repair import mended
from content.subtasks.requests import WORDING, first_request, repair_request
from content.subtasks.values import FEWEST, BreakdownInput, PromptContext, SubtaskDraft
from epics import bounds

Subtasks = tuple[SubtaskDraft, ...]
_NO_CONTEXT = PromptContext()
_NOT_GENERATED = Asked(answer=NO_SUBTASKS, calls=0, max_tokens=0)
_NO_DRAFT: Draft[Subtasks] = Draft(content=(), summary="")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the stages have made so far; each stage returns a new one."""

    inp: BreakdownInput
    context: PromptContext = _NO_CONTEXT
    generated: Asked[SubtaskSet] = _NOT_GENERATED
    drafts: Subtasks = ()
    notes: tuple[str, ...] = ()
    draft: Draft[Subtasks] = _NO_DRAFT


def steps(inp: BreakdownInput) -> Steps[Draft[Subtasks]]:
    """Break one story down, with at most 3 provider calls.

    Raises:
        GenerationError: this story cannot be broken down; the message says why.
    """
    state = yield from run_stages(STAGES, State(inp=inp))
    return state.draft


def _validation(state: State) -> State:
    inp, code = state.inp, state.inp.story.code
    if inp.withdrawn:
        raise NothingToGenerate(
            f"Story {code} is not approved any more, and the run takes approved ones alone. "
            "Approve it, then run it again, or run it without onlyApproved."
        )
    if not inp.story.user_story.strip() and not inp.story.acceptance_criteria:
        raise NothingToGenerate(
            f"Story {code} has neither a text nor acceptance criteria. Add one of them, then run "
            "it again."
        )
    if len(inp.kept) >= bounds.MAX_SUBTASKS_OF_STORY:
        raise InvalidInput(
            f"Story {code} has {len(inp.kept)} subtasks that stay, and no room for another. Delete "
            "some, or run it without keepEdited and keepApproved."
        )
    if inp.story.acceptance_criteria and not inp.open_criteria and len(inp.kept) >= FEWEST:
        raise NothingToGenerate(
            f"The subtasks of {code} that stay cover all of its acceptance criteria. Run it "
            "without keepEdited and keepApproved to have all of them written anew."
        )
    return state


def _context_building(state: State) -> State:
    context = build_context(state.inp)
    return replace(state, context=context, notes=state.notes + context.notes)


def _component_generation(state: State) -> Calls[State]:
    def repair(max_tokens: int, text: str, miss: NotASubtaskSet) -> Request:
        return repair_request(
            state.inp,
            state.context,
            key="repair",
            max_tokens=max_tokens,
            previous=text,
            defects=miss.defects,
        )

    generated = yield from ask(
        first_request(state.inp, state.context),
        wording=WORDING,
        read=parse_subtask_set,
        miss=NotASubtaskSet,
        repair=repair,
    )
    return replace(state, generated=generated)


def _template_assembly(state: State) -> State:
    return replace(state, drafts=_assembled(state, state.generated.answer))


def _quality_validation(state: State) -> Calls[State]:
    checked = yield from mended(state.inp, state.context, state.generated)
    return replace(
        state, drafts=_assembled(state, checked.answer), notes=state.notes + checked.notes
    )


def _assembled(state: State, answer: SubtaskSet) -> Subtasks:
    return assemble(answer, criteria=len(state.inp.story.acceptance_criteria))


def _post_processing(state: State) -> State:
    inp = state.inp
    new = needed(state.drafts, inp.kept)
    drafts = fewer(new, inp.subtask_range[1])
    left_out = {
        "left out for a subtask that stays": len(state.drafts) - len(new),
        f"left out, beyond the {inp.subtask_range[1]} that are wanted": len(new) - len(drafts),
    }
    notes = tuple(f"{count} {what}" for what, count in left_out.items() if count)
    gaps = tuple(
        f"no subtask covers {criterion_text(inp, number)}" for number in uncovered(inp, drafts)
    )
    return replace(state, drafts=drafts, notes=state.notes + notes + gaps)


def _storage(state: State) -> State:
    count = len(state.drafts)
    hours = sum(subtask.effort_hours for subtask in state.drafts)
    summary = f"{count} subtask{'' if count == 1 else 's'} of {hours:g} h"
    return replace(state, draft=Draft(content=state.drafts, summary=summary, notes=state.notes))


STAGES: tuple[Stage[State], ...] = (
    Stage(name="validation", run=plain(_validation)),
    Stage(name="context-building", run=plain(_context_building)),
    Stage(name="component-generation", run=_component_generation),
    Stage(name="template-assembly", run=plain(_template_assembly)),
    Stage(
        name="quality-validation",
        run=_quality_validation,
        can_skip=lambda state: state.inp.skip_quality_check,
    ),
    Stage(name="post-processing", run=plain(_post_processing)),
    Stage(name="storage", run=plain(_storage)),
)
