"""The seven stages that write one epic's stories, over one frozen state."""

from dataclasses import dataclass, replace

from content.asking import Asked
from content.pipeline import Calls, Draft, Stage, Steps, plain, run_stages
from content.stories.answer import NO_STORIES, StorySet
from content.stories.drafts import assemble
from content.stories.stages.component_generation import generate_components
from content.stories.stages.context_building import build_context
from content.stories.stages.post_processing import post_process
from content.stories.stages.quality_validation import validate_quality
from content.stories.stages.storage import drafted
from content.stories.stages.validation import validate
from content.stories.values import GenerationInput, PromptContext, StoryDraft

_NO_CONTEXT = PromptContext()
_NOT_GENERATED = Asked(answer=NO_STORIES, calls=0, max_tokens=0)
_NO_DRAFT: Draft[tuple[StoryDraft, ...]] = Draft(content=(), summary="")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the stages have made so far; each stage returns a new one."""

    inp: GenerationInput
    context: PromptContext = _NO_CONTEXT
    generated: Asked[StorySet] = _NOT_GENERATED
    stories: tuple[StoryDraft, ...] = ()
    #: How many stories the answer had that these are of.
    written: int = 0
    notes: tuple[str, ...] = ()
    draft: Draft[tuple[StoryDraft, ...]] = _NO_DRAFT


def steps(inp: GenerationInput) -> Steps[Draft[tuple[StoryDraft, ...]]]:
    """Write one epic's stories, with at most 3 provider calls.

    Raises:
        GenerationError: this epic cannot be generated; the message says why.
    """
    state = yield from run_stages(STAGES, State(inp=inp))
    return state.draft


def _validation(state: State) -> State:
    return replace(state, inp=validate(state.inp))


def _context_building(state: State) -> State:
    context = build_context(state.inp)
    return replace(state, context=context, notes=state.notes + context.notes)


def _component_generation(state: State) -> Calls[State]:
    generated = yield from generate_components(state.inp, state.context)
    return replace(state, generated=generated)


def _template_assembly(state: State) -> State:
    stories = assemble(state.inp.epic.code, state.generated.answer)
    return replace(state, stories=stories, written=len(state.generated.answer.stories))


def _quality_validation(state: State) -> Calls[State]:
    checked = yield from validate_quality(state.inp, state.context, state.generated, state.stories)
    notes = state.notes + checked.notes
    return replace(state, stories=checked.stories, written=checked.written, notes=notes)


def _post_processing(state: State) -> State:
    _, most = state.inp.story_range
    stories, notes = post_process(
        state.inp.epic.code, state.stories, most=most, written=state.written, kept=state.inp.kept
    )
    return replace(state, stories=stories, notes=state.notes + notes)


def _storage(state: State) -> State:
    return replace(state, draft=drafted(state.stories, notes=state.notes))


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
