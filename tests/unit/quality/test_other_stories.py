"""Whole stories in shapes that no rule was written from: the kind of each, and the story."""

from pathlib import Path

import pytest

from quality.defects import StoryText
from quality.linter import lint

_SHAPES = Path(__file__).parents[2] / "data" / "story_shapes.tsv"
#: Kinds that come along where nothing is a sentence.
_COMING_ALONG = {"no_benefit", "no_role_or_want", "fragment"}


@pytest.mark.parametrize("line", _SHAPES.read_text().splitlines())
def test_a_story_has_its_kind_and_no_other(line: str) -> None:
    kind, text = line.split("\t")
    (one,) = lint([StoryText(user_story=text)])
    found = {defect.kind for defect in one.defects}
    if kind == "none":
        assert found == set()
    else:
        assert kind in found
        assert found - {kind} <= _COMING_ALONG
