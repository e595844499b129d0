"""Lint reports of stories: for the API, the command, and a project's duplicates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from batchgen.db.pools import connection_give_back
from epics.models import Project, Story
from quality.defects import StoryText
from quality.duplicates import Budget, alike_pairs, groups, want_of
from quality.linter import Linted, is_english, lint
from quality.text import one_line

#: Stories that one request may lint, and characters that are read of them: with what comparing
#: may cost, less than a second of work, whatever they say.
MAX_LINTED = 1_000
LINTED_CHARS = 200_000
_LINT_BUDGET = 2_500_000
#: Stories of a project that are compared in one request, and their characters: the same.
MAX_COMPARED = 20_000
COMPARED_CHARS = 2_000_000
_COMPARE_BUDGET = 2_500_000
#: Rows that are fetched at once; each may have 20,000 characters.
_ROWS = 200
#: Groups that one answer tells; the count is of all.
MAX_GROUPS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The result of linting stories together; `results` are in their order.

    `passes` says what the pipeline would say: the mean score is at least the bar, and no defect
    is of high severity and high confidence.
    """

    stories: tuple[StoryText, ...]
    results: tuple[Linted, ...]
    bar: int
    #: Not all stories were linted, or not all of these compared.
    truncated: bool = False

    @property
    def score(self) -> int:
        """The mean score; 100 where there is no story."""
        scores = [result.score for result in self.results]
        return round(sum(scores) / len(scores)) if scores else 100

    @property
    def severities(self) -> Counter[str]:
        """How many defects there are of each severity."""
        return Counter(defect.severity for result in self.results for defect in result.defects)

    @property
    def grave(self) -> int:
        """How many defects are of high severity and high confidence."""
        return sum(defect.is_grave for result in self.results for defect in result.defects)

    @property
    def passes(self) -> bool:
        """Whether nobody needs to write these stories again."""
        return self.score >= self.bar and not self.grave

    def as_json(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "storyCount": len(self.stories),
            "score": self.score,
            "bar": self.bar,
            "truncated": self.truncated,
            "passes": self.passes,
            "severities": {name: self.severities[name] for name in ("high", "medium", "minor")},
            "stories": [
                {
                    "number": number,
                    "userStory": story.user_story,
                    "quality": {
                        "score": result.score,
                        "defects": [defect.as_json() for defect in result.defects],
                    },
                }
                for number, (story, result) in enumerate(
                    zip(self.stories, self.results, strict=True), start=1
                )
            ],
        }


def stories_lint(
    stories: Sequence[StoryText],
    *,
    language: str = "",
    whole_product: bool = False,
    bounded: bool = False,
) -> Report:
    """Lint the stories together, on the bar of the setting.

    Args:
        language: of the stories; wording is checked in English only.
        whole_product: nothing else is planned, so a missing step is a defect.
        bounded: stop at LINTED_CHARS, at the first story at the earliest, and compare so much only.
    """
    read = _within(stories, LINTED_CHARS) if bounded else len(stories)
    budget = Budget(left=_LINT_BUDGET) if bounded else None
    cleaned = tuple([_cleaned(story) for story in stories[:read]])
    cut = read < len(stories)
    results = lint(
        cleaned,
        english=is_english(language),
        whole_product=whole_product and not cut,
        budget=budget,
    )
    return Report(
        stories=cleaned,
        results=tuple(results),
        bar=settings.QUALITY_BAR,
        truncated=cut or bool(budget and budget.exhausted),
    )


def _within(stories: Sequence[StoryText], most_chars: int) -> int:
    """How many of the stories, from the first on, have no more characters; 1 at least."""
    chars = 0
    for place, story in enumerate(stories):
        texts = (story.user_story, story.title, story.persona, *(story.acceptance_criteria or ()))
        chars += sum(map(len, texts))
        if chars > most_chars and place:
            return place
    return len(stories)


def _cleaned(story: StoryText) -> StoryText:
    criteria = story.acceptance_criteria
    return StoryText(
        user_story=one_line(story.user_story),
        title=one_line(story.title),
        persona=one_line(story.persona),
        acceptance_criteria=None if criteria is None else tuple(map(one_line, criteria)),
    )


def project_duplicates(*, project: Project, across_epics: bool = True) -> dict[str, Any]:
    """Groups of the project's stories that want the same or almost the same.

    Args:
        across_epics: only groups whose stories are of different epics.

    Stops at MAX_COMPARED stories, at COMPARED_CHARS, and where comparing them costs too much.
    """
    rows, cut = _rows(project)
    connection_give_back()
    budget = Budget(left=_COMPARE_BUDGET)
    pairs = alike_pairs([want_of(row[5]) for row in rows], budget)
    different = {pair.second for pair in pairs if not pair.same}
    least = {pair.second: pair.similarity for pair in pairs}
    kept = [
        places
        for places in groups(pairs)
        if not across_epics or len({rows[place][2] for place in places}) > 1
    ]
    return {
        "storyCount": len(rows),
        "truncated": cut or budget.exhausted,
        "groupCount": len(kept),
        "groups": [
            {
                "kind": "repeated" if different.isdisjoint(places) else "alike",
                "similarity": min(least.get(place, 100) for place in places),
                "stories": [_duplicate(rows[place]) for place in places],
            }
            for places in kept[:MAX_GROUPS]
        ],
    }


def _rows(project: Project) -> tuple[list[tuple[Any, ...]], bool]:
    """The stories to compare, in their order, and whether there are more."""
    found = Story.objects.filter(project=project).order_by("epic__order", "order", "id")
    columns = ("id", "code", "epic_id", "epic__code", "title", "user_story")
    rows: list[tuple[Any, ...]] = []
    chars = 0
    for row in found.values_list(*columns)[: MAX_COMPARED + 1].iterator(_ROWS):
        chars += len(row[4]) + len(row[5])
        if len(rows) == MAX_COMPARED or chars > COMPARED_CHARS:
            return rows, True
        rows.append(row)
    return rows, False


def _duplicate(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("id", "code", "epicId", "epicCode", "title", "userStory")
    return dict(zip(names, row, strict=True))
