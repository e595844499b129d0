"""Stage 7, storage: hand the page over, to be stored."""

from content.pages.values import PageDraft
from content.pipeline import Draft


def drafted(draft: PageDraft, *, notes: tuple[str, ...]) -> Draft[PageDraft | None]:
    """The page and what is said of it in the run's log."""
    count = sum(each is not None for each in draft.components)
    parts = [f"{count} {'component' if count == 1 else 'components'}"]
    if draft.keyword_coverage is not None:
        parts.append(f"{draft.keyword_coverage:.0%} of the keywords")
    if draft.quality_score is not None:
        parts.append(f"scored {draft.quality_score} of 100")
    return Draft(content=draft, summary=", ".join(parts), notes=notes)
