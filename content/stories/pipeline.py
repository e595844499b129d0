"""The generation pipeline: seven stages in order, timed one by one, with hooks around them.

Nothing here knows where input comes from or where stories go: the provider and the store are
functions that the caller passes in, and whatever they raise comes through unchanged.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from content.stories.stages.answer import StorySet
from content.stories.stages.component_generation import Complete, Generated, generate_components
from content.stories.stages.context_building import PromptContext, build_context
from content.stories.stages.post_processing import post_process
from content.stories.stages.quality_validation import validate_quality
from content.stories.stages.storage import Store, store_stories
from content.stories.stages.template_assembly import assemble
from content.stories.stages.validation import validate
from content.stories.values import GenerationInput, GenerationOutput, StoryDraft


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """The two ways out of the pipeline: to the provider, and to the store."""

    complete: Complete
    store: Store


_NO_CONTEXT = PromptContext()
_NOT_GENERATED = Generated(answer=StorySet.model_construct(stories=()), calls=0, max_tokens=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the stages have made so far; each stage returns a new one."""

    inp: GenerationInput
    context: PromptContext = _NO_CONTEXT
    generated: Generated = _NOT_GENERATED
    stories: tuple[StoryDraft, ...] = ()
    #: How many stories the answer had that these are of.
    written: int = 0
    stage_ms: Mapping[str, int] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A step: `can_skip` may leave it out, `on_error` sees what it raised before the caller."""

    name: str
    execute: Callable[[State, Ports], State]
    can_skip: Callable[[State], bool] | None = None
    on_error: Callable[[Exception, State], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """Called before the first stage and after the last one; not after an error."""

    before: Callable[[GenerationInput], None] | None = None
    after: Callable[[GenerationInput, GenerationOutput], None] | None = None


NO_HOOKS = Hooks()


def run_pipeline(
    inp: GenerationInput,
    *,
    complete: Complete,
    store: Store,
    on_stage: Callable[[str, State], None],
    clock: Callable[[], float] = time.perf_counter,
    hooks: Hooks = NO_HOOKS,
    stages: tuple[Stage, ...] | None = None,
) -> GenerationOutput:
    """Write one epic's stories: at most 3 provider calls, and one call of `store`.

    `on_stage` is called with each stage as it begins, by its name, and with what those before it
    made; `store` with the final
    stories, the times of the stages before storage, and the notes. `clock` counts seconds.
    `stages` replaces the usual STAGES.

    Raises:
        GenerationError: this epic cannot be generated; the message says why.
        Whatever `complete`, `store` or a hook raises.
    """
    if hooks.before:
        hooks.before(inp)
    ports = Ports(complete=complete, store=store)
    state = State(inp=inp)
    for stage in STAGES if stages is None else stages:
        if stage.can_skip and stage.can_skip(state):
            state = replace(state, skipped=(*state.skipped, stage.name))
            continue
        on_stage(stage.name, state)
        state = _timed(stage, state, ports, clock)
    output = GenerationOutput(
        stories=state.stories,
        stage_ms=dict(state.stage_ms),
        skipped_stages=state.skipped,
        notes=state.notes,
    )
    if hooks.after:
        hooks.after(inp, output)
    return output


def _timed(stage: Stage, state: State, ports: Ports, clock: Callable[[], float]) -> State:
    begun_s = clock()
    try:
        after = stage.execute(state, ports)
    except Exception as error:
        if stage.on_error:
            stage.on_error(error, state)
        raise
    took_ms = round((clock() - begun_s) * 1000)
    return replace(after, stage_ms={**after.stage_ms, stage.name: took_ms})


def _validation(state: State, _ports: Ports) -> State:
    return replace(state, inp=validate(state.inp))


def _context_building(state: State, _ports: Ports) -> State:
    context = build_context(state.inp)
    return replace(state, context=context, notes=state.notes + context.notes)


def _component_generation(state: State, ports: Ports) -> State:
    generated = generate_components(state.inp, state.context, ports.complete)
    return replace(state, generated=generated)


def _template_assembly(state: State, _ports: Ports) -> State:
    stories = assemble(state.inp.epic.code, state.generated.answer)
    return replace(state, stories=stories, written=len(state.generated.answer.stories))


def _quality_validation(state: State, ports: Ports) -> State:
    checked = validate_quality(
        state.inp, state.context, state.generated, state.stories, ports.complete
    )
    notes = state.notes + checked.notes
    return replace(state, stories=checked.stories, written=checked.written, notes=notes)


def _post_processing(state: State, _ports: Ports) -> State:
    _, most = state.inp.story_range
    stories, notes = post_process(
        state.inp.epic.code, state.stories, most=most, written=state.written, kept=state.inp.kept
    )
    return replace(state, stories=stories, notes=state.notes + notes)


def _storage(state: State, ports: Ports) -> State:
    stories = store_stories(
        state.stories, stage_ms=state.stage_ms, notes=state.notes, store=ports.store
    )
    return replace(state, stories=stories)


STAGES: tuple[Stage, ...] = (
    Stage(name="validation", execute=_validation),
    Stage(name="context-building", execute=_context_building),
    Stage(name="component-generation", execute=_component_generation),
    Stage(name="template-assembly", execute=_template_assembly),
    Stage(
        name="quality-validation",
        execute=_quality_validation,
        can_skip=lambda state: state.inp.skip_quality_check,
    ),
    Stage(name="post-processing", execute=_post_processing),
    Stage(name="storage", execute=_storage),
)
