"""Stage 3, component generation: ask the provider until there is a story set, within bounds."""

from functools import partial

from content.asking import Asked, ask
from content.pipeline import Calls, Request
from content.stories.answer import NotAStorySet, StorySet, parse_story_set
from content.stories.requests import WORDING, first_request, repair_request
from content.stories.values import GenerationInput, PromptContext


def generate_components(inp: GenerationInput, context: PromptContext) -> Calls[Asked[StorySet]]:
    """One call, and at most two more; see `content.asking`.

    Raises:
        Refused, OutputCut, UnusableAnswer: see `content.errors`.
    """

    def repair(max_tokens: int, text: str, miss: NotAStorySet) -> Request:
        return repair_request(
            inp,
            context,
            key="repair",
            max_tokens=max_tokens,
            previous=text,
            defects=miss.defects,
        )

    return (
        yield from ask(
            first_request(inp, context),
            wording=WORDING,
            read=partial(parse_story_set, frame=inp.frame),
            miss=NotAStorySet,
            repair=repair,
        )
    )
