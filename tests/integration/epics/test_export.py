"""A backlog goes out in many formats, and `json` comes in again."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import epics
from epics.files.backlog_export import FORMATS
from epics.files.backlog_import import backlog_import
from epics.files.csv_rows import safe_cell
from epics.models import Project
from epics.services import project_create
from tests.factories import backlog_document, client_of, project_make, story_document, user_make

pytestmark = pytest.mark.django_db

SAMPLE = json.loads((Path(epics.__file__).parent / "sample_backlog.json").read_bytes())


def exported(project: Project, name: str) -> str:
    return b"".join(FORMATS[name].parts(project, mark=False)).decode()


def subtask_document(**fields: Any) -> dict[str, Any]:
    return {
        "code": "E2-S2-T1",
        "title": "Draw the tide",
        "description": "For a small screen.",
        "kind": "design",
        "effortHours": 2.0,
        "criteria": [1, 2],
        **fields,
    }


def full_document() -> dict[str, Any]:
    document = backlog_document(stories=1)
    document["project"] |= {"context": "North\nSea", "language": "German"}
    document["epics"][1] |= {
        "businessValue": "Fewer boats aground",
        "acceptanceCriteria": ["One", "Two"],
        "dependencies": ["E1"],
        "effort": "L",
        "impact": "high",
        "priority": None,
        "stories": [
            story_document(
                "E2-S1", technicalNotes="Line\nbreak", quality={"score": 0, "defects": []}
            )
            | {"quality": {"score": 71, "defects": [{"criterion": "atomic", "message": "two"}]}},
            story_document(
                "E2-S2",
                persona="",
                acceptanceCriteria=[],
                priority="",
                editedAt="2026-11-22T07:16:05.123456+00:00",
                subtasks=[
                    subtask_document(),
                    subtask_document(
                        code="E2-S2-T2",
                        effortHours=0.5,
                        editedAt="2026-11-23T07:16:05.123456+00:00",
                        reviewStatus="approved",
                        reviewNote="Good.",
                    ),
                ],
                reviewStatus="rejected",
                reviewNote="Too long.",
            ),
        ],
        "storiesOutdated": True,
        "origin": "generated",
        "editedAt": "2026-11-21T07:16:05.123456+00:00",
        "reviewStatus": "approved",
    }
    document["cards"][1] |= {
        "themes": ["night", "storm"],
        "quote": "I never know\nwhen the water is back.",
        "editedAt": "2026-11-21T07:16:05.123456+00:00",
    }
    document["cards"][0]["problem"] = 'A "quoted" <b>problem</b> with ümlauts & 漢字'
    return document


@pytest.mark.parametrize("document", [backlog_document(), full_document(), SAMPLE])
def test_what_was_imported_is_exported(document: dict[str, Any]) -> None:
    project = backlog_import(user=user_make(), document=document)
    assert json.loads(exported(project, "json")) == document


def test_an_export_exports_the_same_again() -> None:
    first = exported(backlog_import(user=user_make(), document=full_document()), "json")
    second = exported(backlog_import(user=user_make(), document=json.loads(first)), "json")
    assert first == second


def test_an_empty_project_goes_out_and_in() -> None:
    project = project_create(user=user_make(), fields={"name": "Empty"})
    document = json.loads(exported(project, "json"))
    assert document["cards"] == document["epics"] == []
    backlog_import(user=user_make(), document=document)
    for name, written in FORMATS.items():
        made = b"".join(written.parts(project))
        assert made or name == "github"  # a line an issue, and there is none


@pytest.mark.parametrize("name", list(FORMATS))
def test_an_export_takes_as_many_queries_whatever_its_size(
    name: str, django_assert_max_num_queries: Any
) -> None:
    project = project_make(epics=30, cards=3, stories=3)
    # Pages: of cards and of epics one each, of stories four, and which stories these are.
    with django_assert_max_num_queries(7):
        assert b"".join(FORMATS[name].parts(project))


@pytest.mark.parametrize("start", [*"=+-@\uff1d\uff0b\uff0d\uff20\u2212"])
@pytest.mark.parametrize("before", ["", "\r", "\n", "  ", '"', "' ", "\u200b", "\xa0", "\ufeff"])
def test_a_cell_that_starts_a_formula_is_text(before: str, start: str) -> None:
    assert safe_cell(f"{before}{start}1+1") == f"'{before}{start}1+1"


@pytest.mark.parametrize("separator", [";", "\t", "; ", ';"'])
def test_what_starts_a_cell_behind_another_separator_is_text(separator: str) -> None:
    assert safe_cell(f"a{separator}=1+1") == f"a{separator}'=1+1"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "  ="])
@pytest.mark.parametrize("name", ["csv", "jira", "azure", "linear"])
def test_no_cell_is_a_formula(name: str, start: str) -> None:
    attack = f"{start}HYPERLINK(1)"
    document = backlog_document(epics=1, cards=1)
    line = attack.strip() if start.strip() != start else attack
    document["epics"][0] |= {"code": line, "title": line, "description": attack, "theme": line}
    story = story_document(
        line, title=line, userStory=attack, persona=line, acceptanceCriteria=[attack]
    )
    document["epics"][0]["stories"] = [story | {"technicalNotes": attack}]
    project = backlog_import(user=user_make(), document=document)
    rows = list(csv.reader(io.StringIO(exported(project, name), newline="")))
    assert len(rows) > 1
    for cell in (cell for row in rows for cell in row):
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))
        assert not cell.startswith(("\t", "\r"))


def test_csv_has_a_row_for_each_story() -> None:
    project = project_make(epics=2, stories=2)
    rows = list(csv.DictReader(io.StringIO(exported(project, "csv"), newline="")))
    assert [row["Story code"] for row in rows] == ["E1-S1", "E1-S2", "E2-S1", "E2-S2"]
    assert rows[0]["Acceptance criteria"] == "The tide of today is shown."


def test_jira_links_stories_to_their_epic() -> None:
    project = project_make(epics=2, stories=1)
    rows = list(csv.DictReader(io.StringIO(exported(project, "jira"), newline="")))
    assert [row["Issue Type"] for row in rows] == ["Epic", "Story"] * 2
    assert rows[2]["Epic Name"] == rows[3]["Epic Link"] == "E2: Epic 2"
    assert rows[3]["Priority"] == "High"
    assert rows[3]["Labels"] == "Sailing skipper"
    assert "h4. Acceptance criteria\n* The tide" in rows[3]["Description"]


def test_markdown_shows_text_as_it_is() -> None:
    document = backlog_document(epics=1, cards=1)
    title = "<script>*x*</script> [a](b)"
    story = story_document(title=title, userStory="# no heading\n1. no list\n- no bullet")
    document["epics"][0]["stories"] = [story]
    text = exported(backlog_import(user=user_make(), document=document), "markdown")
    assert r"\<script\>\*x\*\</script\> \[a\](b)" in text
    assert "\\# no heading\n1\\. no list\n\\- no bullet" in text


@pytest.mark.parametrize(
    ("name", "content_type", "file"),
    [
        ("json", "application/json", "t1.json"),
        ("csv", "text/csv; charset=utf-8", "t1.csv"),
        ("markdown", "text/markdown; charset=utf-8", "t1.md"),
        ("jira", "text/csv; charset=utf-8", "t1-jira.csv"),
        ("azure", "text/csv; charset=utf-8", "t1-azure.csv"),
        ("linear", "text/csv; charset=utf-8", "t1-linear.csv"),
        ("github", "application/jsonl", "t1-github.jsonl"),
        ("gherkin", "application/zip", "t1-features.zip"),
    ],
)
def test_export_over_rest(name: str, content_type: str, file: str) -> None:
    user = user_make()
    project = project_make(user, stories=1)
    Project.objects.update(code='T"/../1\r\n')
    answer = client_of(user).get(
        f"/api/v1/projects/{project.pk}/export?format={name}", headers={"accept": "text/html"}
    )
    assert answer.status_code == 200
    assert answer["Content-Type"] == content_type
    assert answer["Content-Disposition"] == f'attachment; filename="{file}"'
    body = b"".join(answer)
    assert len(body) == int(answer["Content-Length"])
    assert (b"E1-S1" in body) == (name != "gherkin")
    assert body.startswith(b"\xef\xbb\xbf") == (name in {"csv", "jira", "azure"})


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("format=csv&bom=false", False),
        ("format=jira&bom=false", False),
        ("format=jira&bom=true", True),
        ("format=markdown&bom=true", True),
        ("format=json&bom=false", False),
    ],
)
def test_a_byte_order_mark_is_an_option(query: str, marked: bool) -> None:
    user = user_make()
    url = f"/api/v1/projects/{project_make(user, stories=1).pk}/export?{query}"
    body = b"".join(client_of(user).get(url))
    assert body.startswith(b"\xef\xbb\xbf") == marked
    assert body.count(b"\xef\xbb\xbf") == marked


@pytest.mark.parametrize("name", ["json", "github", "gherkin"])
def test_what_a_program_reads_has_no_byte_order_mark(name: str) -> None:
    user = user_make()
    url = f"/api/v1/projects/{project_make(user).pk}/export?format={name}&bom=true"
    answer = client_of(user).get(url)
    assert answer.status_code == 400
    assert "bom" in answer.json()["error"]["details"]


def test_an_unknown_format_is_refused() -> None:
    user = user_make()
    url = f"/api/v1/projects/{project_make(user).pk}/export?format=xlsx"
    answer = client_of(user).get(url)
    assert answer.status_code == 400
    assert "format" in answer.json()["error"]["details"]
