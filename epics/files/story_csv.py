"""Read stories from CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from epics.files.csv_table import CSVRefused, names_told, plain_name, table_of
from quality.defects import StoryText

#: The names of a column, without case, spaces and signs: the first is the name itself, which
#: beats the others.
_NAMES = {
    "user_story": ("userstory", "userstories", "story", "statement"),
    "persona": ("persona", "role", "actor"),
    "acceptance_criteria": ("acceptancecriteria", "acceptancecriterion", "criteria"),
}
_KNOWN = {name for names in _NAMES.values() for name in names}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """Where the head has each thing: columns of its exact name first, then of other names."""

    user_story: Sequence[int]
    persona: Sequence[int]
    acceptance_criteria: Sequence[int]


def stories_of(text: str) -> list[tuple[int, StoryText]]:
    """The stories with the numbers of their rows, as a spreadsheet counts them.

    Of several columns for the same thing the first that is filled counts; acceptance criteria are
    joined.

    Raises:
        CSVRefused: no column of stories, or a row that cannot be read.
    """
    table = table_of(text, known=_KNOWN)
    columns = _columns(table.head)
    found = [(number, _story(row, columns)) for number, row in table.rows]
    return [(number, story) for number, story in found if story.user_story.strip()]


def _columns(head: Sequence[str]) -> _Columns:
    plain = [plain_name(cell) for cell in head]
    places = {
        field: [place for name in names for place, cell in enumerate(plain) if cell == name]
        for field, names in _NAMES.items()
    }
    if not places["user_story"]:
        named = names_told(head)
        raise CSVRefused(
            'The CSV needs a column "User story"; its first row names the columns'
            + (f", and these are {named}." if named else ".")
        )
    return _Columns(**places)


def _story(row: Sequence[str], columns: _Columns) -> StoryText:
    return StoryText(
        user_story=next(_filled(row, columns.user_story), ""),
        persona=next(_filled(row, columns.persona), ""),
        acceptance_criteria=(
            tuple(
                line.strip()
                for cell in _filled(row, columns.acceptance_criteria)
                for line in cell.splitlines()
                if line.strip()
            )
            if columns.acceptance_criteria
            else None
        ),
    )


def _filled(row: Sequence[str], places: Sequence[int]) -> Iterator[str]:
    return (row[place] for place in places if place < len(row) and row[place].strip())
