"""The whole way with real workers: from notes, or from the cards of real backlogs, to files."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from gherkin.parser import Parser

from content.export.files import file_of_run
from content.run_types import RunType
from epics.files.backlog_export import FORMATS
from epics.files.backlog_import import backlog_import
from epics.files.upload_text import file_handed
from epics.management.commands.load_sample import NOTES
from epics.models import Card, Epic, EpicCard, Project, Story, Subtask
from epics.services import project_create
from epics.uploads import upload_create
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, ProviderCall, Run, RunItem
from runs.states import Pacing
from tests.acceptance.fleet import Fleet, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted

BACKLOGS = sorted((Path(__file__).parent.parent / "data" / "backlogs").glob("*.json"))
#: What each run makes of its items.
MADE: dict[str, type[Model]] = {
    RunType.ANALYZE_CARDS: Card,
    RunType.GENERATE_EPICS: Epic,
    RunType.GENERATE_ALL_STORIES: Story,
    RunType.GENERATE_SUBTASKS: Subtask,
}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def _user() -> User:
    return User.objects.get_or_create(username="ada")[0]


def _run(project: Project, run_type: str, **options: Any) -> Run:
    return run_start(
        project=project,
        user=_user(),
        options=RunOptions(
            type=run_type,
            pacing_profile=Pacing.ADAPTIVE,
            max_concurrency=20,
            options=options,
        ),
    )


def _all_succeeded(runs: list[Run]) -> None:
    """Every item is done, and the counts are those of the rows."""
    wait_until_ended(*runs, timeout_s=240)
    for run in runs:
        failed = RunItem.objects.filter(run=run).exclude(status="COMPLETED")
        assert (run.status, list(failed.values_list("code", "error"))) == ("SUCCEEDED", [])
        assert_counted(run, kept=False)
        created = sum(RunItem.objects.filter(run=run).values_list("created", flat=True))
        made = MADE[run.type]._default_manager.filter(project=run.project, run_id=run.id)
        assert (run.type, created) == (run.type, made.count())
        assert created > 0


def _chain(projects: list[Project]) -> None:
    """Epics, stories and subtasks of the projects' cards."""
    for run_type in list(MADE)[1:]:
        _all_succeeded([_run(project, run_type) for project in projects])
    for project in projects:
        cards = set(Card.objects.filter(project=project).values_list("id", flat=True))
        placed = EpicCard.objects.filter(epic__project=project).values_list("card", flat=True)
        assert set(placed) == cards
        for story in Story.objects.filter(project=project).prefetch_related("subtasks"):
            served = {number for subtask in story.subtasks.all() for number in subtask.criteria}
            assert served >= set(range(1, len(story.acceptance_criteria) + 1)), story.code
            assert 3 <= len(story.subtasks.all()) <= 8
    assert not OpenTarget.objects.exists()


def _exports(project: Project) -> dict[str, bytes]:
    """A file of each format, by runs."""
    runs = {}
    for name in FORMATS:
        runs[name] = _run(project, RunType.EXPORT, format=name)
    wait_until_ended(*runs.values())
    files = {}
    for name, run in runs.items():
        made = file_of_run(run.pk)
        assert made, (name, run.status, run.error)
        opened = made.open()
        assert opened
        with opened:
            files[name] = opened.read()
    return files


def _rows(raw: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))


def _features(raw: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = archive.namelist()
        for name in names:
            assert Parser().parse(archive.read(name).decode())["feature"]
    return len(names)


def _all_parse(project: Project) -> None:
    files = _exports(project)
    stories = Story.objects.filter(project=project).count()
    subtasks = Subtask.objects.filter(project=project).count()
    document = json.loads(files["json"])
    copy = backlog_import(user=_user(), document=document)
    assert (copy.stories.count(), copy.subtasks.count()) == (stories, subtasks)
    assert len(_rows(files["csv"])) >= stories
    for name in ("jira", "azure", "linear"):
        assert len(_rows(files[name])) >= stories, name
    assert len([json.loads(line) for line in files["github"].decode().splitlines()]) == stories
    assert _features(files["gherkin"]) > 0
    assert files["markdown"].decode().count("\n") > stories


def test_notes_become_cards_epics_stories_subtasks_and_files(
    fleet: Fleet, provider: Simulator
) -> None:
    project = project_create(user=_user(), fields={"name": "Workshop"})
    upload_create(
        project_id=project.pk,
        user=_user(),
        handed=file_handed(NOTES.read_bytes(), name=NOTES.name),
    )
    fleet.start("w1")
    _all_succeeded([_run(project, RunType.ANALYZE_CARDS)])
    text = " ".join(NOTES.read_text().split())
    cards = list(Card.objects.filter(project=project))
    assert len(cards) >= 10
    assert all(card.quote and card.quote in text for card in cards)
    _chain([project])
    _all_parse(project)
    assert {call["status"] for call in provider.stats()["calls"]} == {200}
    assert len(provider.stats()["calls"]) == ProviderCall.objects.count()


def test_the_cards_of_every_real_backlog_go_the_whole_way(
    fleet: Fleet, provider: Simulator
) -> None:
    fleet.start("w1")
    fleet.start("w2")
    documents = [json.loads(path.read_text()) for path in BACKLOGS]
    assert len(documents) == 17
    projects = [
        backlog_import(user=_user(), document={**document, "epics": []}) for document in documents
    ]
    _chain(projects)
    for project in projects[:3]:
        _all_parse(project)


def test_two_megabytes_of_text_become_cards(fleet: Fleet, provider: Simulator) -> None:
    project = project_create(user=_user(), fields={"name": "Long"})
    lines = (
        f"The clerk of desk {n} wants to see the list {n}, so that nobody waits.\n\n"
        for n in range(30_000)
    )
    text = "".join(lines)[:2_000_000]
    upload_create(
        project_id=project.pk, user=_user(), handed=file_handed(text.encode(), name="long.txt")
    )
    fleet.start("w1")
    run = _run(project, RunType.ANALYZE_CARDS)
    _all_succeeded([run])
    cards = Card.objects.filter(project=project)
    quotes = set(cards.values_list("quote", flat=True))
    assert len(quotes) == cards.count() > 1000
    assert all(quote in text for quote in quotes)
    assert len(provider.stats()["calls"]) == ProviderCall.objects.count() > 50
