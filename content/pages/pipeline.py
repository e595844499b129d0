"""The seven stages that write one page's content, over one frozen state."""

from dataclasses import dataclass, replace

from content.pages.drafts import Generated, assemble
from content.pages.stages.component_generation import foreseen_requests, generate_components
from content.pages.stages.context_building import build_context
from content.pages.stages.post_processing import post_process
from content.pages.stages.quality_validation import validate_quality
from content.pages.stages.storage import drafted
from content.pages.stages.validation import validate
from content.pages.values import GenerationInput, PageDraft, PromptContext
from content.pipeline import Calls, Draft, Request, Stage, Steps, Work, plain, run_stages

#: None: the page stays as it is.
Content = PageDraft | None
_NO_CONTEXT = PromptContext()
_NOT_GENERATED = Generated()
_NO_PAGE = PageDraft(meta_title="", meta_description="", components=())
_KEPT: Draft[Content] = Draft(content=None, summary="kept as it was edited or approved")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the stages have made so far; each stage returns a new one."""

    inp: GenerationInput
    context: PromptContext = _NO_CONTEXT
    generated: Generated = _NOT_GENERATED
    page: PageDraft = _NO_PAGE
    notes: tuple[str, ...] = ()
    draft: Draft[Content] = _KEPT


def steps(inp: GenerationInput) -> Steps[Draft[Content]]:
    """Write one page's content: one call, or one a component, each with two more at most, and one
    to repair what is weak. A page that is kept costs none.

    Raises:
        GenerationError: this page cannot be generated; the message says why.
    """
    state = yield from run_stages(STAGES, State(inp=inp))
    return state.draft


def foreseen(inp: GenerationInput) -> Work[tuple[Request, ...]]:
    """One call, or one a component; none for a page that is kept."""
    yield from ()
    if inp.kept:
        return ()
    state = _context_building(_validation(State(inp=inp)))
    return foreseen_requests(inp, state.context)


def _kept(state: State) -> bool:
    return state.inp.kept


def _validation(state: State) -> State:
    return replace(state, inp=validate(state.inp))


def _context_building(state: State) -> State:
    context = build_context(state.inp)
    return replace(state, context=context, notes=state.notes + context.notes)


def _component_generation(state: State) -> Calls[State]:
    generated = yield from generate_components(state.inp, state.context)
    return replace(state, generated=generated)


def _template_assembly(state: State) -> State:
    return replace(state, page=assemble(state.inp, state.generated))


def _quality_validation(state: State) -> Calls[State]:
    page, notes = yield from validate_quality(state.inp, state.context, state.generated, state.page)
    return replace(state, page=page, notes=state.notes + notes)


def _post_processing(state: State) -> State:
    page, notes = post_process(state.inp, state.page)
    return replace(state, page=page, notes=state.notes + notes)


def _storage(state: State) -> State:
    return replace(state, draft=drafted(state.page, notes=state.notes))


STAGES: tuple[Stage[State], ...] = (
    Stage(name="validation", run=plain(_validation), can_skip=_kept),
    Stage(name="context-building", run=plain(_context_building), can_skip=_kept),
    Stage(name="component-generation", run=_component_generation, can_skip=_kept),
    Stage(name="template-assembly", run=plain(_template_assembly), can_skip=_kept),
    Stage(
        name="quality-validation",
        run=_quality_validation,
        can_skip=lambda state: state.inp.kept or state.inp.skip_quality_check,
    ),
    Stage(name="post-processing", run=plain(_post_processing), can_skip=_kept),
    Stage(name="storage", run=plain(_storage), can_skip=_kept),
)
