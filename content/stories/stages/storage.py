"""Stage 7, storage: hand the stories over, to be stored."""

from content.pipeline import Draft
from content.stories.values import StoryDraft


def drafted(
    stories: tuple[StoryDraft, ...], *, notes: tuple[str, ...]
) -> Draft[tuple[StoryDraft, ...]]:
    """The stories and what is said of them in the run's log."""
    return Draft(content=stories, summary=f"{len(stories)} stories", notes=notes)
