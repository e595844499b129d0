"""Files of stories as people have them: whatever program wrote them, in whatever country."""

from pathlib import Path

import pytest

from epics.files.story_files import StoriesRefused, StoryFile, stories_read

GOOD = "As a Reader, I want to borrow maps, so that I learn."
OTHER = "As a Clerk, I want to lend maps, so that they are read."


def read(tmp_path: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> StoryFile:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return stories_read(file)


def texts(found: StoryFile) -> list[str]:
    return [story.user_story for story in found.stories]


class TestColumns:
    def test_the_exact_name_beats_a_synonym(self, tmp_path: Path) -> None:
        found = read(tmp_path, "a.csv", f'Story,User story,Statement\nMaps,"{GOOD}",Lend\n')
        assert texts(found) == [GOOD]

    def test_a_synonym_counts_where_the_exact_one_is_empty(self, tmp_path: Path) -> None:
        found = read(tmp_path, "a.csv", f'User story,Statement\n  ,"{GOOD}"\n')
        assert texts(found) == [GOOD]

    def test_of_repeated_columns_the_first_filled_one_counts(self, tmp_path: Path) -> None:
        found = read(tmp_path, "a.csv", f'User story,user_story\n"{GOOD}",\n,"{OTHER}"\n')
        assert texts(found) == [GOOD, OTHER]

    def test_repeated_criteria_are_joined(self, tmp_path: Path) -> None:
        head = "User story,Acceptance Criteria,Acceptance Criteria,Role,Persona"
        (story,) = read(tmp_path, "a.csv", f'{head}\n"{GOOD}","One\nTwo",Three,Boss,Reader').stories
        assert story.acceptance_criteria == ("One", "Two", "Three")
        assert story.persona == "Reader"

    def test_no_column_of_criteria_is_not_no_criteria(self, tmp_path: Path) -> None:
        (story,) = read(tmp_path, "a.csv", f'User story\n"{GOOD}"').stories
        assert story.acceptance_criteria is None

    def test_a_missing_column_is_told_with_those_there(self, tmp_path: Path) -> None:
        with pytest.raises(StoriesRefused, match=r'"User story".*"Title", "Points"'):
            read(tmp_path, "a.csv", "Title,Points\nMaps,3\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_any_delimiter_in_any_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    story = "As a Händler, I want to lend “maps”; atlases, and globes | charts."
    rows = [["Code", "User story", "Persona"], ["1", f'"{story}"', "Händler"]]
    content = "\r\n".join(delimiter.join(row) for row in rows)
    found = read(tmp_path, "a.csv", content, encoding)
    assert texts(found) == [story]
    assert found.stories[0].persona == "Händler"
    assert found.places == ("row 2",)


def test_excels_hint_of_the_delimiter_is_no_head(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a.csv", f"sep=;\r\nUser story;Code\r\n{GOOD};1")) == [GOOD]


def test_tab_separated_values_are_csv(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a.tsv", f"Code\tUser story\n1\t{GOOD}\n")) == [GOOD]


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    long = "x" * 200_000
    found = read(tmp_path, "a.csv", f'User story,Notes\n"{GOOD}","{long}"\n')
    assert texts(found) == [GOOD]


def test_rows_count_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", f'User story,Code\n\n"{GOOD}","a\nb"\n,\n"{OTHER}",2\n')
    assert found.places == ("row 3", "row 5")


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ('1,"say "so"",x', "Row 3, column 2: text follows a closing quotation mark"),
        ('1,2,"never closed', "Row 3, column 3: a quotation mark is not closed"),
        ('"a\nb","c"d', "Row 3, column 2: text follows"),
        (f'1,"{"x" * 1_000_001}"', "Row 3, column 2: the cell has more than 1,000,000 characters"),
        ("1,I want maps, please,and more", "Row 3, column 4: the first row names no such column"),
    ],
)
def test_what_breaks_is_named_by_row_and_column(tmp_path: Path, rows: str, where: str) -> None:
    with pytest.raises(StoriesRefused, match=where):
        read(tmp_path, "a.csv", f'Code,User story,Notes\n1,"{GOOD}",n\n{rows}\n')


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04rest", "Save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "Save it as CSV"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8bx", "compressed"),
        (b"\xff\xfeA", "UTF-8"),
        (b"caf\x81", "UTF-8"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_what_is_no_text_is_refused_in_words(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(StoriesRefused, match=reason):
        read(tmp_path, name, content)


class TestText:
    @pytest.mark.parametrize(
        "mark", ["-", "*", "•", "\u2013", "- [ ]", "1.", "2)", "(3)", "a)", "US-12:", "Story 4:"]
    )
    def test_bullets_and_numbers_are_no_part_of_a_story(self, tmp_path: Path, mark: str) -> None:
        found = read(tmp_path, "a.txt", f"{mark} {GOOD}\n{mark} {OTHER}\n")
        assert texts(found) == [GOOD, OTHER]
        assert found.places == ("line 1", "line 2")

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b"])
    def test_a_story_over_several_lines_is_one(self, tmp_path: Path, end: str) -> None:
        content = end.join(
            ["As a Reader,", "I want to borrow maps", "so that I learn.", "", OTHER, GOOD]
        )
        assert texts(read(tmp_path, "a.txt", content)) == [
            "As a Reader, I want to borrow maps so that I learn.",
            OTHER,
            GOOD,
        ]

    def test_a_benefit_first_takes_its_role_with_it(self, tmp_path: Path) -> None:
        lines = ["In order to learn", "as a Reader", "I want maps."]
        found = read(tmp_path, "a.txt", "\n".join([*lines, *lines]))
        assert texts(found) == ["In order to learn as a Reader I want maps."] * 2

    def test_a_bullet_goes_on_in_a_line_that_is_set_in(self, tmp_path: Path) -> None:
        content = "- As a Reader, I want\n  Maps of the North\n  and atlases.\n- Lend globes\n"
        assert texts(read(tmp_path, "a.txt", content)) == [
            "As a Reader, I want Maps of the North and atlases.",
            "Lend globes",
        ]

    def test_bullets_below_a_story_are_its_criteria(self, tmp_path: Path) -> None:
        criteria = "    - A map is lent.\n      For a week.\n    - It comes back.\n"
        content = f"# Maps\n\n- {GOOD}\n{criteria}- {OTHER}\n"
        first, second = read(tmp_path, "a.txt", content).stories
        assert first.acceptance_criteria == ("A map is lent. For a week.", "It comes back.")
        assert second.acceptance_criteria is None

    def test_stories_below_a_bullet_are_stories(self, tmp_path: Path) -> None:
        found = read(tmp_path, "a.txt", f"- Maps\n  - {GOOD}\n  - {OTHER}\n")
        assert texts(found) == ["Maps", GOOD, OTHER]

    def test_lines_that_are_whole_stay_apart(self, tmp_path: Path) -> None:
        lines = ["Login with Google", "log out", "I want maps", "I want globes"]
        assert texts(read(tmp_path, "a.txt", "\n".join(lines))) == lines

    @pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
    def test_other_encodings(self, tmp_path: Path, encoding: str) -> None:
        story = "As a Händler, I want “maps”."
        assert texts(read(tmp_path, "a.txt", story, encoding)) == [story]
