"""All checks of a page, and its score; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from content.pages.checks.claims import banned_defects, claim_defects
from content.pages.checks.findings import of_page
from content.pages.checks.form import form_defects
from content.pages.checks.keywords import Coverage, coverage
from content.pages.likeness import likeness, signature
from content.pages.values import GenerationInput, PageDefect, PageDraft
from epics import bounds
from quality.defects import score

#: A page of which so much stands in another one is no page of its own.
ALIKE = 0.5
#: Criteria that any component may have to be written again for.
OF_THE_WHOLE = frozenset({"keywords", "likeness", "language"})
_NAMED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A page with its defects and its score. It passes with a score of at least `bar` and no
    defect of high severity and confidence."""

    draft: PageDraft
    score: int
    bar: int

    @property
    def passes(self) -> bool:
        """Whether nobody needs to write it again."""
        return self.score >= self.bar and not any(each.is_grave for each in self.draft.defects)


def check(inp: GenerationInput, draft: PageDraft) -> Checked:
    """Find a page's defects, and score it."""
    covered = coverage(inp.page.keywords, draft.passages, inp.language_tag)
    found = chain(
        form_defects(inp, draft),
        _keyword_defects(inp, covered),
        claim_defects(inp, draft),
        banned_defects(inp.banned_words, draft),
        _likeness_defects(inp, draft),
    )
    defects = tuple(islice(_once(found), bounds.LIST_ENTRIES))
    points = score(defects)
    scored = replace(draft, defects=defects, quality_score=points, keyword_coverage=covered.share)
    return Checked(draft=scored, score=points, bar=inp.quality_bar)


def _once(defects: Iterable[PageDefect]) -> Iterator[PageDefect]:
    """What a component says again is no other defect."""
    seen = set()
    for each in defects:
        key = (each.component, each.message)
        if key not in seen:
            seen.add(key)
            yield each


def _keyword_defects(inp: GenerationInput, covered: Coverage) -> Iterator[PageDefect]:
    main = inp.page.keywords[0] if inp.page.keywords else ""
    if main in covered.missing:
        yield of_page(
            criterion="keywords",
            kind="main_missing",
            severity="high",
            message=f'The first keyword "{main}" stands nowhere.',
            suggestion="Use it in the meta title, in the first component and in a heading.",
        )
    others = [each for each in covered.missing if each != main]
    if others:
        listed = ", ".join(f'"{each}"' for each in others[:_NAMED])
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        yield of_page(
            criterion="keywords",
            kind="missing",
            severity="medium",
            message=f"Keywords that stand nowhere: {listed}{more}.",
            suggestion="Use each once, where it reads well.",
        )


def _likeness_defects(inp: GenerationInput, draft: PageDraft) -> Iterator[PageDefect]:
    ours = signature(draft.text)
    alike = {each.code: likeness(ours, each.signature) for each in inp.neighbours}
    nearest = max(alike, key=lambda code: alike[code], default="")
    if nearest and alike[nearest] >= ALIKE:
        yield of_page(
            criterion="likeness",
            kind="alike",
            severity="high",
            message=f"About {alike[nearest]:.0%} of its phrases stand in page {nearest}, too.",
            suggestion="Write what is true of this page and of no other.",
        )
