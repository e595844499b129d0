"""Exports for trackers, people and Gherkin: read with parsers that others wrote, whatever the texts
of the backlog are."""

import csv
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, cast
from zipfile import ZipFile

import pytest
from django.db import connection
from gherkin.parser import Parser
from gherkin.pickles.compiler import Compiler, GherkinDocumentWithURI
from markdown_it import MarkdownIt

from epics.files.backlog_export import FORMATS
from epics.files.backlog_import import backlog_import
from epics.files.gherkin_dialect import dialect_for
from epics.files.gherkin_steps import step_lines
from epics.models import Card, Project, Story, Subtask
from tests.factories import backlog_document, project_make, story_document, user_make
from tests.threads import elsewhere

pytestmark = pytest.mark.django_db

HOSTILE = (
    'a "quoted" cell, with comma; and semicolon',
    "one\nline\r\nand\ranother",
    "| a | pipe |\n|---|---|",
    "`code` ```\nfence\n``` and '''",
    "# heading\n## and another",
    '"""\nno docstring\n"""',
    "@tag @skip\n@wip",
    "Feature: none\nScenario: none\nBackground:\nExamples:\n| a |",
    "# language: de\nFunktionalität: x",
    "\U0001f6a2\U0001f1e9\U0001f1ea e\u0301 \u200d",
    "\u05e9\u05dc\u05d5\u05dd \u202eright to left\u202c \u0645\u0631\u062d\u0628\u0627",
    "=HYPERLINK(1)\n+1\n-1\n@x;=1",
    "<script>alert(1)</script> &amp; &lt;= 3 <!-- x --> <img src=x onerror=y>",
    "\\n \\ \\\\ end\\",
    "Given a, when b, then c\u2028and d\x85or\x0be".replace("\x0b", " ").replace("\x85", " "),
    "[link](javascript:x) ![image](x) <http://x> *b* _i_ ~s~ #12 @octocat GH-3",
    "x" * 20_000,
    "word " * 4_000,
)


def made(project: Project, name: str) -> bytes:
    return b"".join(FORMATS[name].parts(project, mark=False))


def rows_of(project: Project, name: str) -> list[dict[str, str]]:
    text = made(project, name).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len({len(row) for row in rows}) == 1
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def issues_of(project: Project) -> list[dict[str, Any]]:
    lines = made(project, "github").decode().split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def features_of(project: Project) -> dict[str, dict[str, Any]]:
    with ZipFile(io.BytesIO(made(project, "gherkin"))) as archive:
        assert archive.testzip() is None
        return {
            name: dict(Parser().parse(archive.read(name).decode())) for name in archive.namelist()
        }


def hostile_project() -> Project:
    document = backlog_document(epics=1, cards=1)
    lines = [" ".join(text.split())[:200] or "x" for text in HOSTILE]
    document["epics"][0] |= {"description": HOSTILE[1], "title": lines[0], "theme": lines[6]}
    document["epics"][0]["stories"] = [
        story_document(
            f"E1-S{number}",
            title=line,
            userStory=text,
            persona=line,
            technicalNotes=text,
            acceptanceCriteria=[text[:2000], f"Given {text[:900]}, when {text[:900]}, then x"],
        )
        for number, (text, line) in enumerate(zip(HOSTILE, lines, strict=True), 1)
    ]
    project = backlog_import(user=user_make(), document=document)
    for number, story in enumerate(project.stories.order_by("order")):
        subtask_make(story, title=lines[number], description=HOSTILE[number])
    return project


def subtask_make(story: Story, **fields: Any) -> Subtask:
    number = story.subtasks.count() + 1
    given = {"code": f"{story.code}-T{number}", "title": "Draw the curve", "kind": "frontend"}
    return Subtask.objects.create(
        **{
            "story": story,
            "project_id": story.project_id,
            "order": number,
            "effort_hours": "1.5",
            "criteria": [1],
            **given,
            **fields,
        }
    )


def two_stories() -> Project:
    project = project_make(epics=2, cards=1, stories=1)
    subtask_make(project.stories.get(code="E1-S1"), description="By the hour")
    return project


# Azure -------------------------------------------------------------------------------------------


def test_azure_is_a_tree_of_epics_stories_and_tasks() -> None:
    rows = rows_of(two_stories(), "azure")
    assert [row["Work Item Type"] for row in rows] == [
        *("Epic", "User Story", "Task"),
        *("Epic", "User Story"),
    ]
    assert [(row["Title 1"], row["Title 2"], row["Title 3"]) for row in rows[:3]] == [
        ("E1: Epic 1", "", ""),
        ("", "E1-S1: Story E1-S1", ""),
        ("", "", "E1-S1-T1: Draw the curve"),
    ]
    assert (rows[1]["Priority"], rows[1]["Story Points"], rows[1]["Tags"]) == ("1", "2", "skipper")
    assert rows[1]["Acceptance Criteria"] == "<ul><li>The tide of today is shown.</li></ul>"
    task = rows[2]
    assert (task["Original Estimate"], task["Remaining Work"], task["Activity"]) == (
        *("1.5", "1.5"),
        "Development",
    )


@pytest.mark.parametrize(
    ("priority", "epic_priority", "expected"),
    [("must", 0, ("1", "1")), ("LOW", 9, ("4", "3")), ("some day", None, ("", ""))],
)
def test_azure_has_four_priorities(
    priority: str, epic_priority: int | None, expected: tuple[str, str]
) -> None:
    project = project_make(epics=1, stories=1)
    project.epics.update(priority=epic_priority)
    project.stories.update(priority=priority)
    epic, story = rows_of(project, "azure")
    assert (epic["Priority"], story["Priority"]) == expected


@pytest.mark.parametrize("effort", ["", "S", "3", "0.5", "five", "=1", "1e9"])
def test_an_estimate_is_a_number_or_nothing(effort: str) -> None:
    project = project_make(epics=1, stories=1)
    project.stories.update(effort=effort)
    _, story = rows_of(project, "azure")
    (issue,) = rows_of(project, "linear")
    assert story["Story Points"] == issue["Estimate"]
    assert re.fullmatch(r"|\d+|\d+\.5", issue["Estimate"])


class _Shown(HTMLParser):
    """The tags and the text of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.text += "\n" if tag == "br" else ""

    def handle_data(self, data: str) -> None:
        self.text += data


def test_azure_shows_hostile_texts_as_they_are() -> None:
    project = hostile_project()
    stories = [row for row in rows_of(project, "azure") if row["Work Item Type"] == "User Story"]
    assert len(stories) == len(HOSTILE)
    for row, text in zip(stories, HOSTILE, strict=True):
        shown = _Shown()
        shown.feed(row["Description"])
        assert shown.tags <= {"p", "br"}
        assert shown.text.split() == (text + text).split() or len(text) > 4_000
        assert len(row["Title 2"]) <= 255
        assert ";=" not in row["Description"].replace(" ", "")


# Jira --------------------------------------------------------------------------------------------


def test_jira_has_subtasks_below_their_story() -> None:
    rows = rows_of(two_stories(), "jira")
    assert [row["Issue Type"] for row in rows] == ["Epic", "Story", "Sub-task", "Epic", "Story"]
    ids = [row["Issue Id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert [row["Parent Id"] for row in rows] == ["", "", rows[1]["Issue Id"], "", ""]
    assert rows[2]["Original Estimate"] == "5400"


# Linear ------------------------------------------------------------------------------------------


def test_linear_has_an_issue_for_each_story() -> None:
    rows = rows_of(two_stories(), "linear")
    assert [row["Title"] for row in rows] == ["E1-S1: Story E1-S1", "E2-S1: Story E2-S1"]
    assert rows[0]["Labels"].split(", ") == ["E1", "Sailing", "skipper"]
    assert (rows[0]["Priority"], rows[0]["Project"]) == ("High", "E1: Epic 1")
    assert "- [ ] E1-S1-T1: Draw the curve (frontend, 1.5 h)" in rows[0]["Description"]


# GitHub ------------------------------------------------------------------------------------------


def test_github_has_the_body_of_a_request_for_each_issue() -> None:
    issue, other = issues_of(two_stories())
    assert set(issue) == {"title", "body", "labels"}
    assert issue["title"] == "E1-S1: Story E1-S1"
    assert issue["labels"] == ["E1", "Sailing", "skipper", "priority-high", "effort-S"]
    assert "- [ ] E1-S1-T1: Draw the curve (frontend, 1.5 h)" in issue["body"]
    assert "Subtasks" not in other["body"]


def test_github_keeps_to_its_limits_and_calls_nobody() -> None:
    project = hostile_project()
    Story.objects.update(acceptance_criteria=["y" * 2_000] * 40)
    for issue in issues_of(project):
        assert len(issue["title"]) <= 256
        assert len(issue["body"]) <= 65_536
        assert issue["body"].endswith("too long for an issue.)")
        assert all(0 < len(label) <= 50 and "," not in label for label in issue["labels"])
        assert not re.search(r"@\w|#\d|GH-\d", issue["body"])


@pytest.mark.parametrize("name", ["github", "linear", "markdown"])
def test_markdown_shows_hostile_texts_and_makes_nothing_of_them(name: str) -> None:
    project = hostile_project()
    for body in _bodies(project, name):
        tokens = MarkdownIt("commonmark").enable("table").parse(body)
        inner = [child for token in tokens for child in token.children or ()]
        found = {token.type for token in (*tokens, *inner)}
        assert not found & {
            "fence",
            "code_block",
            "code_inline",
            "link_open",
            "image",
            "table_open",
        }
        raw = {token.content for token in (*tokens, *inner) if token.type.startswith("html")}
        assert raw <= {"<!-- -->"}


def _bodies(project: Project, name: str) -> Iterator[str]:
    if name == "github":
        yield from (issue["body"] for issue in issues_of(project))
    elif name == "linear":
        # As Linear's importer takes the apostrophe off.
        yield from (row["Description"].removeprefix("'") for row in rows_of(project, name))
    else:
        yield made(project, name).decode()


# Gherkin -----------------------------------------------------------------------------------------


def rules_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [child["rule"] for child in document["feature"]["children"]]


def scenarios_of(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [child["scenario"] for child in rule["children"]]


def test_gherkin_has_a_file_for_each_epic_and_a_rule_for_each_story() -> None:
    project = two_stories()
    project.epics.create(code="E3", title="Without stories", order=9)
    features = features_of(project)
    assert list(features) == ["00001-e1-epic-1.feature", "00002-e2-epic-2.feature"]
    feature = features["00001-e1-epic-1.feature"]["feature"]
    assert feature["name"] == "E1: Epic 1"
    assert [tag["name"] for tag in feature["tags"]] == ["@E1"]
    assert feature["description"].strip() == "The things of epic 1"
    (rule,) = rules_of({"feature": feature})
    assert rule["name"] == "E1-S1: Story E1-S1"
    assert [tag["name"] for tag in rule["tags"]] == ["@E1-S1", "@priority-high"]
    assert rule["description"].strip().startswith("As a skipper, I want")
    (scenario,) = scenarios_of(rule)
    assert [step["text"] for step in scenario["steps"]] == ["The tide of today is shown."]


@pytest.mark.parametrize(
    "language", ["English", "German", "Chinese", "Arabic", "Portuguese (Brazil)"]
)
def test_gherkin_parses_whatever_the_texts_are(language: str) -> None:
    project = hostile_project()
    Project.objects.update(language=language)
    project.refresh_from_db()
    (document,) = features_of(project).values()
    assert document["feature"]["language"] == dialect_for(language).name
    rules = rules_of(document)
    for rule, text in zip(rules, HOSTILE, strict=True):
        assert len(rule["tags"]) == 2
        scenarios = scenarios_of(rule)
        assert len(scenarios) == 2
        steps = [step for scenario in scenarios for step in scenario["steps"]]
        assert not any("docString" in step or "dataTable" in step for step in steps)
        assert rule["description"].replace("\\", "").split() == text.replace("\\", "").split()
    compiled = Compiler().compile(cast("GherkinDocumentWithURI", {**document, "uri": ""}))
    assert len(compiled) == 2 * len(HOSTILE)
    assert all(pickle["steps"] for pickle in compiled)


def test_gherkin_goes_out_in_the_projects_language() -> None:
    project = project_make(epics=1, stories=1)
    Project.objects.update(language="Deutsch")
    Story.objects.update(acceptance_criteria=["Angenommen es ist Ebbe, wenn ich frage, dann Nein"])
    project.refresh_from_db()
    (document,) = features_of(project).values()
    (rule,) = rules_of(document)
    assert (document["feature"]["keyword"], rule["keyword"]) == ("Funktionalität", "Rule")
    steps = scenarios_of(rule)[0]["steps"]
    assert [(step["keyword"], step["text"]) for step in steps] == [
        ("Angenommen ", "es ist Ebbe"),
        ("Wenn ", "ich frage"),
        ("Dann ", "Nein"),
    ]


@pytest.mark.parametrize(
    ("criterion", "steps"),
    [
        ("Given a, when b, then c", ["Given a", "When b", "Then c"]),
        ("given a and when b, and then c", ["Given a", "When b", "Then c"]),
        ("Given a and when b then c", ["Given a", "When b", "Then c"]),
        ("Given a, b, and c; and d", ["Given a, b, and c", "And d"]),
        ("Given a. When e then f", ["Given a", "When e", "Then f"]),
        ("When a\nThen b\nAnd c\nBut no d", ["When a", "Then b", "And c", "But no d"]),
        ("- When a, then b", ["When a", "Then b"]),
        ("The tide is shown, and then it goes", ["* The tide is shown, and then it goes"]),
        ("One:\n- two\n\n* three", ["* One:", "* two", "* three"]),
        ("And a", ["* And a"]),
        ("Given", ["* Given"]),
        ("Given, when then", ["* Given, when then"]),
        ("---", ["* ---"]),
    ],
)  # fmt: skip
def test_a_criterion_becomes_steps(criterion: str, steps: list[str]) -> None:
    assert step_lines(criterion, dialect_for("English")) == steps


@pytest.mark.parametrize(
    ("language", "dialect"),
    [
        ("English", "en"), ("Australian English", "en"), ("pt-BR", "pt"),
        ("Galician", "gl"),
        ("Chinese (Taiwan)", "zh-TW"), ("zh-Hans", "zh-CN"), ("Norwegian Bokmål", "no"),
        ("Amharic", "amh"), ("Armenian", "am"), ("Bambara", "en"),
        ("Malay", "bm"), ("Welsh", "cy-GB"),
        ("Navajo", "en"), ("nothing", "en"),
    ],
)  # fmt: skip
def test_a_language_has_its_dialect(language: str, dialect: str) -> None:
    assert dialect_for(language).name == dialect


# All ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_same_backlog_makes_the_same_file(name: str) -> None:
    project = hostile_project()
    assert made(project, name) == made(project, name)


def test_csv_has_subtasks_and_all_of_a_story() -> None:
    rows = rows_of(hostile_project(), "csv")
    assert [row["Story code"] for row in rows] == [f"E1-S{n}" for n in range(1, len(rows) + 1)]
    assert all("(frontend, 1.5 h)" in row["Subtasks"] for row in rows)


@pytest.mark.parametrize("name", ["json", "azure", "gherkin"])
def test_pages_lose_and_repeat_nothing(name: str) -> None:
    project = project_make(epics=61, cards=9, stories=2)
    Story.objects.filter(epic__code="E7").delete()
    numbers = [number for number in range(1, 62) if number != 7]
    codes = [f"E{number}-S{place}" for number in numbers for place in (1, 2)]
    if name == "json":
        document = json.loads(made(project, name))
        assert len(document["cards"]) == 549
        found = [story["code"] for epic in document["epics"] for story in epic.get("stories", ())]
    elif name == "azure":
        titles = [row["Title 2"] for row in rows_of(project, name)]
        found = [title.partition(":")[0] for title in titles if title]
    else:
        features = features_of(project).values()
        found = [rule["tags"][0]["name"][1:] for each in features for rule in rules_of(each)]
    assert found == codes


@pytest.mark.django_db(transaction=True)
def test_an_export_is_of_one_moment() -> None:
    project = project_make(epics=2, cards=300, stories=1)
    parts = FORMATS["json"].parts(project)
    begun = [next(parts) for _ in range(5)]  # up to the first card
    assert b"Card 1" in begun[-1]
    elsewhere(Card.objects.all().delete).join(30)
    document = json.loads(b"".join([*begun, *parts]))
    assert len(document["cards"]) == 600
    assert not connection.in_atomic_block
