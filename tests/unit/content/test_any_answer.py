"""Whatever a provider answers: what each kind would store can be exported, and comes in again."""

from contextlib import suppress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from content.cards.kind import CARDS
from content.errors import GenerationError
from content.pages.files.page_document import pages_parse
from content.pages.kind import PAGES
from content.subtasks.kind import SUBTASKS
from epics.files.backlog_document import backlog_parse
from tests.factories import backlog_document, story_document
from tests.unit.content import card_samples, epic_samples, page_samples, subtask_samples

#: Halves of characters, controls and invisible ones too; letters that nobody sees; long texts.
_ANY = st.text(st.characters(exclude_categories=()), max_size=40)
_TEXT = st.one_of(
    _ANY,
    _ANY.map(lambda text: f"a{text}"),
    st.sampled_from(
        ["\u3164", "\uffa0\u115f", "a\x07\x1b[31m\x9b", "= 1\r\n\x0b+2", "\u202ea\ufeff"]
    ),
    st.integers(1, 3_000).map(lambda count: "a word " * count),
)
_NUMBER = st.one_of(
    st.floats(), st.integers(-3, 2_000), st.just(1e300), st.sampled_from(["4h", "-2", "1e9", "½"])
)
_TEXTS = st.lists(_TEXT, max_size=6)
_NAMES = st.lists(_TEXT | st.sampled_from(["C1", "c2", " C3 "]), max_size=4)
_CARD = st.fixed_dictionaries(
    {"title": _TEXT, "persona": _TEXT, "statement": _TEXT, "problem": _TEXT | st.none()},
    optional={"systems": _TEXTS, "themes": _TEXTS, "quote": _TEXT},
)
_EPIC = st.fixed_dictionaries(
    {"title": _TEXT, "theme": _TEXT, "description": _TEXT, "businessValue": _TEXT},
    optional={"acceptanceCriteria": _TEXTS, "dependencies": _NAMES, "priority": _NUMBER},
)
_SUBTASK = st.fixed_dictionaries(
    {"title": _TEXT, "description": _TEXT},
    optional={"effortHours": _NUMBER, "criteria": st.lists(_NUMBER, max_size=4)},
)
_COMPONENT = st.fixed_dictionaries({"heading": _TEXT, "markdown": _TEXT})
_PAGE = st.fixed_dictionaries({"metaTitle": _TEXT, "metaDescription": _TEXT})
#: Each text is asked for so often at most.
_CALLS = 8
_few = settings(max_examples=60, deadline=None)


@given(cards=st.lists(_CARD, max_size=5), unchecked=st.booleans())
@example(cards=[{"title": f"Wish {n}", "quote": "x" * 1_000_000} for n in range(3)], unchecked=True)
@example(cards=[{"title": "\u3164", "statement": "\u3164"}], unchecked=True)
@example(cards=[{"title": "0", "systems": ["\ue000"], "themes": ["\u3164"]}], unchecked=True)
@_few
def test_cards(cards: list[dict[str, Any]], *, unchecked: bool) -> None:
    text = card_samples.answer(*[card_samples.card(**each) for each in cards])
    inp = card_samples.analysis_input(skip_quality_check=unchecked)
    with suppress(GenerationError):
        draft, _ = card_samples.run(inp, *[text] * _CALLS)
        found = CARDS.result(inp, draft.content)["cards"]
        backlog_parse({**backlog_document(), "cards": [_card(row) for row in found], "epics": []})


@given(epics=st.lists(_EPIC, max_size=5), unchecked=st.booleans())
@example(epics=[{"title": "\u3164", "description": "\u3164"}], unchecked=True)
@example(epics=[{"acceptanceCriteria": ["\u3164"], "theme": "\u3164"}], unchecked=True)
@_few
def test_epics(epics: list[dict[str, Any]], *, unchecked: bool) -> None:
    cards = epic_samples.cards(3)
    written = [
        epic_samples.written(**{"title": "Lend", "members": [f"C{n % 3 + 1}"], **each})
        for n, each in enumerate(epics)
    ]
    with suppress(GenerationError):
        answers = [epic_samples.answer(*written)] * _CALLS
        draft, _ = epic_samples.run(cards, *answers, skip_quality_check=unchecked)
        ids = {card.id: card.code for card in cards}
        found = [
            {
                "code": f"E{epic.priority}",
                "title": epic.title,
                "theme": epic.theme,
                "description": epic.description,
                "businessValue": epic.business_value,
                "acceptanceCriteria": list(epic.acceptance_criteria),
                "dependencies": [f"E{before}" for before in epic.after],
                "effort": epic.effort,
                "impact": epic.impact,
                "priority": epic.priority,
                "cards": [ids[card] for card in epic.cards],
            }
            for epic in draft.content
        ]
        backlog_parse({**backlog_document(epics=1), "epics": found})


@given(subtasks=st.lists(_SUBTASK, max_size=5), unchecked=st.booleans())
@example(subtasks=[{"title": f"Wish {n}"} for n in range(400)], unchecked=True)
@example(subtasks=[{"title": "Build", "effortHours": -4}], unchecked=True)
@example(subtasks=[{"title": "\u3164"}], unchecked=True)
@_few
def test_subtasks(subtasks: list[dict[str, Any]], *, unchecked: bool) -> None:
    text = subtask_samples.answer(*[subtask_samples.subtask(**each) for each in subtasks])
    inp = subtask_samples.breakdown_input(skip_quality_check=unchecked)
    with suppress(GenerationError):
        draft, _ = subtask_samples.run(inp, *[text] * _CALLS)
        found = SUBTASKS.result(inp, draft.content)["subtasks"]
        assert len(found) <= 8
        criteria = list(inp.story.acceptance_criteria)
        story = story_document(
            acceptanceCriteria=criteria, subtasks=[_subtask(row) for row in found]
        )
        document = backlog_document(epics=1)
        document["epics"][0]["stories"] = [story]
        backlog_parse(document)


@given(page=_PAGE, components=st.lists(_COMPONENT, max_size=3), unchecked=st.booleans())
@example(page={}, components=[{"markdown": "a\x07b\x1b[31m\x9b"}], unchecked=True)
@example(page={}, components=[{"markdown": "\ud800 <b>"}], unchecked=False)
@_few
def test_pages(page: dict[str, Any], components: list[dict[str, Any]], *, unchecked: bool) -> None:
    names = page_samples.PAGE.components
    written = [
        page_samples.component(name, **each)
        for name, each in zip(names, [*components, {}, {}, {}], strict=False)
    ]
    inp = page_samples.generation_input(skip_quality_check=unchecked)
    with suppress(GenerationError):
        draft, _ = page_samples.run(inp, *[page_samples.answer(*written, **page)] * _CALLS)
        made = PAGES.result(inp, draft.content)
        content = {
            "metaTitle": made["meta_title"],
            "metaDescription": made["meta_description"],
            "components": made["components"],
            "keywordCoverage": made["keyword_coverage"],
            "quality": {"score": made["quality_score"], "defects": made["defects"]},
            "generatedAt": "2026-11-26T09:30:00Z",
        }
        (row,) = pages_parse({"pages": [{"pageType": "product", "url": "/a", "content": content}]})
        assert row["content_components"] == made["components"]


def _card(row: dict[str, Any]) -> dict[str, Any]:
    names = ("title", "persona", "statement", "problem", "systems", "themes", "quote")
    return {"code": f"C{row['place']}", **{name: _plain(row[name]) for name in names}}


def _subtask(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": f"E1-S1-T{row['order']}",
        "title": row["title"],
        "description": row["description"],
        "kind": row["kind"],
        "effortHours": row["effort_hours"],
        "criteria": _plain(row["criteria"]),
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
