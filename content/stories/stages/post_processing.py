"""Stage 6, post-processing: each story once."""

from dataclasses import replace

from content.stories.drafts import LIMIT, renumber
from content.stories.values import KeptStory, StoryDraft
from epics import bounds
from quality.duplicates import alike_pairs, want_of
from quality.text import comparable

#: Texts that a note names one by one.
_CUTS_NAMED = 5


def post_process(
    epic_code: str,
    stories: tuple[StoryDraft, ...],
    *,
    most: int,
    written: int,
    kept: tuple[KeptStory, ...] = (),
) -> tuple[tuple[StoryDraft, ...], tuple[str, ...]]:
    """The stories without exact duplicates, without those that a kept one makes needless and
    at most `most`, the best; renumbered if any went; and notes on that.

    Args:
        written: how many stories the answer had; those beyond MAX_STORIES_OF_EPIC are gone.
    """
    distinct = _distinct(stories)
    needed = _needed(distinct, kept)
    best = _best(needed, most)
    notes = _left_out_notes(
        merged=len(stories) - len(distinct),
        needless=len(distinct) - len(needed),
        beyond=len(needed) - len(best) + written - len(stories),
        most=most,
    )
    if notes:
        best = list(renumber(epic_code, best))
    return tuple(best), notes + _cut_notes(best)


def _distinct(stories: tuple[StoryDraft, ...]) -> list[StoryDraft]:
    """Of those that say the same the first, with the others' criteria."""
    found: dict[str, StoryDraft] = {}
    for story in stories:
        key = comparable(story.user_story)
        found[key] = _merged(found[key], story) if key in found else story
    return list(found.values())


def _needed(stories: list[StoryDraft], kept: tuple[KeptStory, ...]) -> list[StoryDraft]:
    """Those that want something else than the kept ones."""
    standing = [want_of(story.user_story) for story in kept]
    return [story for story in stories if not _stands(story, standing)]


def _left_out_notes(*, merged: int, needless: int, beyond: int, most: int) -> tuple[str, ...]:
    counts = {
        "duplicate {} merged": merged,
        "duplicate {} left out for one that is kept": needless,
        f"{{}} left out, beyond the {most} that are wanted": beyond,
    }
    return tuple(
        f"{count} {what.format('story was' if count == 1 else 'stories were')}"
        for what, count in counts.items()
        if count
    )


def _best(stories: list[StoryDraft], most: int) -> list[StoryDraft]:
    """Those with the highest scores, of equals the first, in their order."""
    if len(stories) <= most:
        return stories
    places = sorted(range(len(stories)), key=lambda at: -(stories[at].quality_score or 0))
    return [stories[at] for at in sorted(places[:most])]


def _cut_notes(stories: list[StoryDraft]) -> tuple[str, ...]:
    """What is kept of too long texts, as far as it is kept."""
    cut = [
        f"{story.code}: {defect.message}"
        for story in stories
        for defect in story.defects
        if defect.criterion == LIMIT
    ]
    if not cut:
        return ()
    more = f" … and {len(cut) - _CUTS_NAMED} more" if len(cut) > _CUTS_NAMED else ""
    return (f"too long and cut: {' '.join(cut[:_CUTS_NAMED])}{more}",)


def _stands(story: StoryDraft, standing: list[str]) -> bool:
    """Whether a kept story wants what this one wants."""
    if not standing:
        return False
    last = len(standing)
    pairs = alike_pairs([*standing, want_of(story.user_story)])
    return any(pair.second == last for pair in pairs)


def _merged(first: StoryDraft, later: StoryDraft) -> StoryDraft:
    """The first one, with the acceptance criteria that only the later one has, and without the
    defect that names the later one."""
    known = {comparable(text) for text in first.acceptance_criteria}
    added = [text for text in later.acceptance_criteria if comparable(text) not in known]
    criteria = (*first.acceptance_criteria, *added)[: bounds.LIST_ENTRIES]
    defects = list(first.defects)
    named = next((one for one in defects if one.kind == "repeated" and not one.counts), None)
    if named:
        defects.remove(named)
    return replace(first, acceptance_criteria=criteria, defects=tuple(defects))
