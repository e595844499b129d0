"""Lines of paths in a JSON text."""

import json

import pytest

from batchgen.api.json_lines import json_lines

TEXT = """\
{
  "project": {"name": "A \\"quoted\\" {[name"},
  "cards": [
    {"code": "C1"}, {"code": "C2",
     "systems": [
       "one",
       "two"]}
  ], "epics": []
}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("project.name", 2),
        ("cards", 3),
        ("cards[0].code", 4),
        ("cards[1].code", 4),
        ("cards[1].systems[1]", 7),
        ("cards[1].title", 4),
        ("cards[7]", 3),
        ("epics", 8),
        ("epics[0].cards", 8),
        ("project.name[3]", 2),
        ("document", 1),
        ("", 1),
    ],
)
def test_a_path_has_the_line_of_its_value_or_of_what_lacks_it(path: str, line: int) -> None:
    assert json.loads(TEXT)
    assert json_lines(TEXT, [path]) == {path: line}
    assert json_lines("\n\n" + TEXT.replace("\n", "\r\n"), [path]) == {path: line + 2}


@pytest.mark.parametrize("text", ["7", '"text"', "[]", "{}", " null "])
def test_a_text_of_one_value_has_one_line(text: str) -> None:
    assert json_lines(text, ["a[1].b"]) == {"a[1].b": 1}
