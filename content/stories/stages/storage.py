"""Stage 7, storage: hand the stories to the caller, who keeps them."""

from collections.abc import Callable, Mapping

from content.stories.values import StoryDraft

#: Takes the final stories, the times of the stages before storage, and the notes for the log.
Store = Callable[[tuple[StoryDraft, ...], dict[str, int], tuple[str, ...]], None]


def store_stories(
    stories: tuple[StoryDraft, ...],
    *,
    stage_ms: Mapping[str, int],
    notes: tuple[str, ...],
    store: Store,
) -> tuple[StoryDraft, ...]:
    """The stories, once `store` has them; what it raises comes through unchanged."""
    store(stories, dict(stage_ms), notes)
    return stories
