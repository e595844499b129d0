"""Whole stories in shapes that no rule was written from: the kind of each, and the story; and
good stories in other languages."""

from pathlib import Path

import pytest

from quality.defects import StoryText
from quality.linter import lint
from quality.reading import read

_DATA = Path(__file__).parents[2] / "data"
#: Kinds that come along where nothing is a sentence.
_COMING_ALONG = {"no_benefit", "no_role_or_want", "fragment"}


@pytest.mark.parametrize("line", (_DATA / "story_shapes.tsv").read_text().splitlines())
def test_a_story_has_its_kind_and_no_other(line: str) -> None:
    kind, text = line.split("\t")
    (one,) = lint([StoryText(user_story=text)])
    found = {defect.kind for defect in one.defects}
    if kind == "none":
        assert found == set()
    else:
        assert kind in found
        assert found - {kind} <= _COMING_ALONG


@pytest.mark.parametrize("line", (_DATA / "story_languages.tsv").read_text().splitlines())
def test_good_stories_in_other_languages(line: str) -> None:
    language, text = line.split("\t")
    (one,) = lint([StoryText(user_story=text)], english=False)
    assert one.defects == ()
    assert read(text).parts.language == language


@pytest.mark.parametrize("role", ["a nurse", "an IT clerk", "nurses", "the head of sales"])
@pytest.mark.parametrize(
    "opening",
    [
        "want to", "would like to", "'d love to", "would prefer to", "need to", "can", "could",
        "may", "must", "shall", "should", "will", "have to", "am able to", "'m able to", "wish to",
        "never want to", "do not want to", "don't want to", "also want to", "would rather",
        "want to be able to", "want a way to", "am hoping to", "hope to", "intend to", "expect to",
    ],
)  # fmt: skip
def test_every_opening_in_every_order(role: str, opening: str) -> None:
    want = f"{opening} see the tide table"
    subject = "I" if opening.startswith("'") else "I "
    orders = [
        f"As {role}, {subject}{want}, so that all is well.",
        f"So that all is well, as {role}, {subject}{want}.",
        f"When it rains, as {role}, {subject}{want}, so that all is well.",
    ]
    if subject == "I ":
        orders.append(f"I, as {role}, {want}, so that all is well.")
    for text in orders:
        parts = read(text).parts
        assert (parts.want.text, parts.benefit.text) == ("see the tide table", "all is well")
        assert parts.role.text == role.removeprefix("an ").removeprefix("a ").removeprefix("the ")
