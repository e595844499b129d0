"""How a page's answer is read: in every form that has one meaning."""

import json
from typing import Any

import pytest

from content.pages.answer import NotAPage, parse_page

PAGE: dict[str, Any] = {
    "metaTitle": "Title",
    "metaDescription": "Description",
    "components": [
        {"type": "hero", "heading": "", "markdown": "First."},
        {"type": "faq", "heading": "Questions", "markdown": "Second."},
    ],
}


def _read(text: str) -> tuple[str, str, list[tuple[str, str, str]]]:
    page = parse_page(text)
    parts = [(each.type, each.heading, each.markdown) for each in page.components]
    return page.meta_title, page.meta_description, parts


AS_AGREED = _read(json.dumps(PAGE))


@pytest.mark.parametrize(
    "text",
    [
        f"Here is the page:\n\n```json\n{json.dumps(PAGE, indent=2)}\n```\n\nShall I go on?",
        json.dumps({"page": PAGE}),
        json.dumps({"answer": {"page": PAGE}}),
        json.dumps(json.dumps(PAGE)),
        json.dumps(
            {
                "meta_title": "Title",
                "Meta Description": "Description",
                "sections": [
                    {"name": "hero", "title": None, "text": "First."},
                    {"component": "faq", "headline": "Questions", "body": ["Second."]},
                ],
            }
        ),
        json.dumps(
            PAGE
            | {
                "components": {
                    "hero": "First.",
                    "faq": {"heading": "Questions", "content": "Second."},
                }
            }
        ),
        json.dumps(PAGE)[:-1] + ",}",
    ],
)
def test_what_has_one_meaning_is_read(text: str) -> None:
    assert _read(text) == AS_AGREED


def test_meta_texts_may_be_missing() -> None:
    assert _read(json.dumps({"components": PAGE["components"]}))[:2] == ("", "")
    assert _read(json.dumps(PAGE["components"]))[2] == AS_AGREED[2]
    assert _read(json.dumps(PAGE["components"][0]))[2] == AS_AGREED[2][:1]
    assert _read(json.dumps(PAGE | {"components": []}))[2] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot do that.",
        '{"metaTitle": "Title"}',
        json.dumps(PAGE)[:-20],
        json.dumps(PAGE) + json.dumps(PAGE | {"components": PAGE["components"][:1]}),
        '{"components": [{"heading": "no type", "markdown": "x"}]}',
        '{"components": [{"type": "hero", "markdown": 5}]}',
        '{"metaTitle": "a", "metaTitle": "b", "components": []}',
        "[" * 100_000,
    ],
)
def test_what_has_none_or_two_is_a_defect(text: str) -> None:
    with pytest.raises(NotAPage) as caught:
        parse_page(text)
    assert caught.value.defects
    assert all(each.criterion == "schema" and each.is_grave for each in caught.value.defects)
    assert str(caught.value)


def test_what_cannot_be_stored_is_left_out() -> None:
    text = json.dumps(PAGE | {"metaTitle": "a\x00b\ud800"})
    assert _read(text)[0] == "ab"
