"""Stage 6, post-processing: clean text, and each story once."""

from collections.abc import Iterator
from dataclasses import replace

from epics import limits
from quality.duplicates import alike_pairs, want_of
from quality.text import comparable, has_words, one_line
from workers.generation import KeptStory, StoryDefect, StoryDraft
from workers.stages.template_assembly import renumber
from workers.stages.text import paragraphs, shortened

#: The criterion of defects that say what was too much and is cut.
LIMIT = "limit"
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
    """Cleaned stories without exact duplicates, without those that a kept one makes needless and
    at most `most`, the best; renumbered if any went; and notes on that.

    Args:
        written: how many stories the answer had; those beyond MAX_STORIES_OF_EPIC are gone.
    """
    distinct: dict[str, StoryDraft] = {}
    for story in map(cleaned, stories):
        key = comparable(story.user_story)
        distinct[key] = _merged(distinct[key], story) if key in distinct else story
    standing = [want_of(story.user_story) for story in kept]
    needed = [story for story in distinct.values() if not _stands(story, standing)]
    best = _best(needed, most)
    beyond = len(needed) - len(best) + written - len(stories)
    counts = {
        "duplicate {} merged": len(stories) - len(distinct),
        "duplicate {} left out for an edited one": len(distinct) - len(needed),
        f"{{}} left out, beyond the {most} that are wanted": beyond,
    }
    notes = tuple(
        f"{count} {what.format('story was' if count == 1 else 'stories were')}"
        for what, count in counts.items()
        if count
    )
    if notes:
        best = list(renumber(epic_code, best))
    return tuple(best), notes + _cut_notes(best)


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


def cleaned(story: StoryDraft) -> StoryDraft:
    """The story as it is stored: each text on one line, criteria that say something once, nothing
    larger than the limits of a backlog. What had to be cut stands among its defects."""
    notes = paragraphs(story.technical_notes) if story.technical_notes else ""
    criteria = map(one_line, story.acceptance_criteria)
    distinct = tuple(dict.fromkeys(text for text in criteria if has_words(text)))
    whole = replace(
        story,
        title=one_line(story.title).rstrip("."),
        user_story=one_line(story.user_story),
        persona=one_line(story.persona),
        acceptance_criteria=distinct,
        technical_notes=notes or None,
    )
    excess = tuple(_excess(whole))
    if not excess:
        return whole
    return replace(
        whole,
        title=shortened(whole.title, limits.TITLE_CHARS),
        user_story=shortened(whole.user_story, limits.TEXT_CHARS),
        persona=shortened(whole.persona, limits.NAME_CHARS),
        acceptance_criteria=tuple(
            [shortened(text, limits.CRITERION_CHARS) for text in distinct[: limits.LIST_ENTRIES]]
        ),
        technical_notes=shortened(notes, limits.TEXT_CHARS) or None,
        defects=story.defects + excess,
    )


def _excess(story: StoryDraft) -> Iterator[StoryDefect]:
    """What is larger than anybody may store."""
    texts = (
        ("title", story.title, limits.TITLE_CHARS),
        ("userStory", story.user_story, limits.TEXT_CHARS),
        ("persona", story.persona, limits.NAME_CHARS),
        ("technicalNotes", story.technical_notes or "", limits.TEXT_CHARS),
        ("An acceptance criterion", max(story.acceptance_criteria, key=len, default=""),
         limits.CRITERION_CHARS),
    )  # fmt: skip
    for name, text, most in texts:
        if len(text) > most:
            yield _too_much(story.position, f"{name} has {len(text):,} characters.", most)
    count = len(story.acceptance_criteria)
    if count > limits.LIST_ENTRIES:
        found = f"There are {count:,} acceptance criteria."
        yield _too_much(story.position, found, limits.LIST_ENTRIES)


def _too_much(position: int, found: str, most: int) -> StoryDefect:
    """The defect of what is larger than batchgen keeps."""
    return StoryDefect(
        story=position,
        criterion=LIMIT,
        kind="too_much",
        severity="high",
        message=found,
        suggestion=f"At most {most:,} are kept.",
    )


def _merged(first: StoryDraft, later: StoryDraft) -> StoryDraft:
    """The first one, with the acceptance criteria that only the later one has, and without the
    defect that names the later one."""
    known = {comparable(text) for text in first.acceptance_criteria}
    added = [text for text in later.acceptance_criteria if comparable(text) not in known]
    criteria = (*first.acceptance_criteria, *added)[: limits.LIST_ENTRIES]
    defects = list(first.defects)
    named = next((one for one in defects if one.kind == "repeated" and not one.counts), None)
    if named:
        defects.remove(named)
    return replace(first, acceptance_criteria=criteria, defects=tuple(defects))
