"""Runs that analyze uploads: which they take, and what they store."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils.timezone import now
from psycopg.types.json import Jsonb

from batchgen.db.ids import new_id
from batchgen.errors import ItemAlreadyActive, ValidationFailed
from content.cards.kind import CARDS
from content.cards.options import CardsOptions
from content.run_types import RunType
from epics.models import Card, ContentChange, Epic, EpicCard, Project, ReviewStatus, Story, Upload
from epics.services import card_create
from epics.uploads import upload_delete
from runs.engine.claims import LaneClaim
from runs.engine.lanes import Fence
from runs.engine.outcomes import Outcome
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Run, RunItem, Worker
from runs.states import ItemStatus
from tests.factories import client_of
from tests.integration.engine import hands
from tests.integration.engine.world import (
    SPEND,
    World,
    assert_counted,
    assert_open,
    project_make,
    worker_make,
)
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)

#: What a group of items would hand to the kind's statement.
_DONE = """done AS (
    SELECT rows.*, 'x' AS code,
           '{"keep_edited": true, "keep_approved": true}'::jsonb AS options
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::jsonb[])
        AS rows (item_id, target_id, run_id, result)
)"""


def upload_make(project: Project, name: str = "a.txt", text: str = "I want to see it.") -> Upload:
    return Upload.objects.create(
        project=project, name=name, media_type="text/plain", bytes=len(text), text=text,
        characters=len(text),
    )  # fmt: skip


def rows(*titles: str) -> list[dict[str, object]]:
    """As an attempt stores them."""
    return [
        {
            "id": str(new_id()), "place": place, "title": title, "persona": "skipper",
            "statement": f"I want {title}.", "problem": None, "systems": ["plotter"],
            "themes": ["tides"], "quote": "I want to see it.", "review_note": "",
        }
        for place, title in enumerate(titles, start=1)
    ]  # fmt: skip


def started(project: Project, *, lanes: int = 1, **chosen: Any) -> World:
    run = run_start(
        project=project,
        user=None,
        options=RunOptions(
            type=RunType.ANALYZE_CARDS,
            pacing_profile="adaptive",
            max_concurrency=lanes,
            **chosen,
        ),
    )
    run_begin(run_id=run.id)
    return World(run=run, worker=worker_make(f"w{Worker.objects.count()}@test"))


def claimed(world: World, fence: Fence | None = None) -> tuple[LaneClaim, UUID]:
    call_id = new_id()
    claim = hands.claim(
        fence=fence or world.fences()[0], worker_id=world.worker.id, call_id=call_id
    )
    assert claim
    return claim, call_id


def finished(
    held: tuple[LaneClaim, UUID], *titles: str, status: ItemStatus = ItemStatus.COMPLETED
) -> RunItem:
    claim, call_id = held
    failed = status == ItemStatus.FAILED
    outcome = Outcome(
        status=status, message="Done", result={"cards": rows(*titles)},
        error_code="REFUSED" if failed else "", error="The model declined." if failed else "",
    )  # fmt: skip
    assert hands.finish(fence=claim.fence, call_id=call_id, outcome=outcome, spend=SPEND, park_s=0)
    return RunItem.objects.get(id=claim.fence.item_id)


def analyzed(project: Project, *titles: str, **chosen: Any) -> RunItem:
    """A whole run over the project's one upload."""
    world = started(project, **chosen)
    item = finished(claimed(world), *titles)
    run_finalize(run_id=world.run.id)
    return item


def codes(project: Project, **where: Any) -> list[tuple[str, str]]:
    found = Card.objects.filter(project=project, upload__isnull=False, **where)
    return list(found.order_by("order").values_list("code", "title"))


class TestTargets:
    def test_uploads_in_the_order_they_came(self) -> None:
        project = project_make(epics=1)
        first, second = upload_make(project, "one"), upload_make(project, "two")
        upload_make(project_make(epics=1, name="Other"))
        targets = CARDS.targets(project, None, CardsOptions())
        assert [(one.id, one.code, one.title) for one in targets] == [
            (first.pk, "U1", "one"),
            (second.pk, "U2", "two"),
        ]
        (named,) = CARDS.targets(project, [second.pk, new_id()], CardsOptions())
        assert named.code == "U2"

    def test_new_ones_where_that_is_asked_for(self) -> None:
        project = project_make(epics=1)
        first, second = upload_make(project), upload_make(project)
        Upload.objects.filter(pk=first.pk).update(status="ANALYZED")
        found = CARDS.targets(project, None, CardsOptions(only_new=True))
        assert [one.id for one in found] == [second.pk]
        assert [reason.points for reason in CARDS.reasons(found)] == [10, 20]

    def test_a_project_without_uploads_has_nothing_to_process(self) -> None:
        with pytest.raises(ValidationFailed):
            started(project_make(epics=1))

    def test_a_claim_has_no_text(self) -> None:
        project = project_make(epics=1)
        upload_make(project, text="secret words")
        claim, _ = claimed(started(project))
        assert claim.input is not None
        assert (claim.input["name"], claim.input["kept"]) == ("a.txt", [])
        assert "secret" not in str(claim.input)


class TestStored:
    def test_the_first_ones(self) -> None:
        project = project_make(epics=1)
        before = Card.objects.filter(project=project).count()
        upload = upload_make(project)
        item = analyzed(project, "tides", "charts")
        first, second = Card.objects.filter(upload=upload).order_by("order")
        assert (item.created, item.kept) == (2, 0)
        assert [first.code, second.code] == [f"C{before + 1}", f"C{before + 2}"]
        assert (first.title, first.persona, first.systems, first.themes, first.quote) == (
            "tides", "skipper", ["plotter"], ["tides"], "I want to see it.",
        )  # fmt: skip
        assert first.run_id == item.run_id
        assert Upload.objects.get().status == "ANALYZED"
        assert not ContentChange.objects.exists()
        assert_counted(Run.objects.get(), kept=False)
        assert_open()

    def test_codes_that_are_taken_are_passed_over(self) -> None:
        project = project_make(epics=1)
        last = Card.objects.filter(project=project).count()
        card_create(project_id=project.pk, fields={"title": "x", "code": f"c{last + 3}"})
        upload_make(project)
        analyzed(project, "a", "b")
        assert [code for code, _ in codes(project)] == [f"C{last + 2}", f"C{last + 4}"]

    def test_analyzed_again_they_are_replaced_and_that_is_told(self) -> None:
        project = project_make(epics=1)
        upload_make(project)
        analyzed(project, "a", "b", "c")
        old = codes(project)
        item = analyzed(project, "a", "d")
        assert codes(project) == [(old[0][0], "a"), (old[1][0], "d")]
        changes = ContentChange.objects.filter(run_id=item.run_id).order_by("code")
        changes = changes.exclude(change="same")
        assert [(one.code, one.change) for one in changes] == [
            (old[1][0], "changed"),
            (old[2][0], "removed"),
        ]

    def test_what_was_edited_or_approved_or_stands_in_a_kept_epic_stays(self) -> None:
        project = project_make(epics=1)
        upload_make(project)
        analyzed(project, "edited", "approved", "in mine", "in one below", "in a run's", "alone")
        by_title = {card.title: card for card in Card.objects.filter(upload__isnull=False)}
        Card.objects.filter(title="edited").update(edited_at=now())
        Card.objects.filter(title="approved").update(review_status=ReviewStatus.APPROVED)
        mine = Epic.objects.get(project=project)
        made = [
            Epic.objects.create(project=project, code=code, title=code, origin="generated")
            for code in ("G1", "G2")
        ]
        for epic, title in zip(
            (mine, *made), ("in mine", "in one below", "in a run's"), strict=True
        ):
            EpicCard.objects.create(epic=epic, card=by_title[title])
            EpicCard.objects.create(epic=made[1], card=by_title["alone"]) if epic is mine else None
        for epic, edited in zip(made, (now(), None), strict=True):
            Story.objects.create(
                epic=epic, project=project, code=f"{epic.code}-S1", title="S", user_story="S",
                priority="high", edited_at=edited,
            )  # fmt: skip
        item = analyzed(project, "new")
        titles = [title for _, title in codes(project)]
        assert titles == ["edited", "approved", "in mine", "in one below", "new"]
        assert (item.created, item.kept) == (1, 4)
        outdated = dict(
            Epic.objects.filter(project=project).values_list("code", "stories_outdated")
        )
        assert (outdated["G1"], outdated["G2"]) == (False, True)
        assert not EpicCard.objects.filter(epic=made[1]).exists()

    def test_kept_ones_are_shown_to_the_model(self) -> None:
        project = project_make(epics=1)
        upload_make(project)
        analyzed(project, "edited", "other")
        Card.objects.filter(title="edited").update(edited_at=now())
        others = Card.objects.filter(upload=None).count()
        claim, _ = claimed(started(project))
        assert claim.input is not None
        assert [card["title"] for card in claim.input["kept"]] == ["edited"]
        assert claim.input["others"] == others

    def test_they_go_where_the_run_says_so(self) -> None:
        project = project_make(epics=1)
        upload_make(project)
        analyzed(project, "edited", "approved")
        Card.objects.filter(title="edited").update(edited_at=now())
        Card.objects.filter(title="approved").update(review_status=ReviewStatus.APPROVED)
        options = {"keep_edited": False, "keep_approved": False}
        analyzed(project, "new", options=options)
        assert [title for _, title in codes(project)] == ["new"]

    def test_a_failure_leaves_them_and_is_shown(self) -> None:
        project = project_make(epics=1)
        upload = upload_make(project)
        analyzed(project, "a")
        world = started(project)
        finished(claimed(world), status=ItemStatus.FAILED)
        client = client_of(project.created_by)
        data = client.get(f"/api/v1/uploads/{upload.pk}").json()["data"]
        assert (data["status"], data["error"], data["cardCount"]) == (
            "FAILED", "The model declined.", 1,
        )  # fmt: skip
        run_finalize(run_id=world.run.id)
        analyzed(project, "b")
        data = client.get(f"/api/v1/uploads/{upload.pk}").json()["data"]
        assert (data["status"], data["error"]) == ("ANALYZED", None)

    def test_an_upload_that_is_deleted_meanwhile_keeps_nothing(self) -> None:
        project = project_make(epics=1)
        upload = upload_make(project)
        held = claimed(started(project))
        Upload.objects.filter(pk=upload.pk).delete()
        assert finished(held, "a").created == 0
        assert codes(project) == []

    def test_an_upload_of_a_run_that_is_not_over_is_not_deleted(self) -> None:
        project = project_make(epics=1)
        upload = upload_make(project)
        world = started(project)
        with pytest.raises(ItemAlreadyActive) as refused:
            upload_delete(upload_id=upload.pk)
        assert refused.value.details == {"U1": str(world.run.pk)}
        finished(claimed(world), "a")
        run_finalize(run_id=world.run.id)
        upload_delete(upload_id=upload.pk)
        assert not Upload.objects.exists()

    def test_of_a_start_and_a_deletion_at_once_one_is_refused(self) -> None:
        for _ in range(6):
            project = project_make(epics=1)
            upload = upload_make(project)
            begun, gone = race(
                partial(started, project), partial(upload_delete, upload_id=upload.pk)
            )
            there = Upload.objects.filter(pk=upload.pk).exists()
            refused = ItemAlreadyActive if there else ValidationFailed
            assert isinstance(gone if there else begun, refused)
            assert Run.objects.filter(project=project).exists() is there

    def test_two_uploads_that_end_at_once_take_different_codes(self) -> None:
        project = project_make(epics=1)
        upload_make(project), upload_make(project)
        world = started(project, lanes=2)
        held = [claimed(world, fence) for fence in world.fences()]
        titles = [f"t{number}" for number in range(30)]
        items = race(*(partial(finished, one, *titles) for one in held))
        assert [item.created for item in items] == [30, 30]
        assert len(codes(project)) == 60

    def test_a_group_of_several_is_one_statement(self) -> None:
        """Of two projects, and of one project twice."""
        projects = [project_make(epics=1), project_make(epics=1, name="Other")]
        uploads = [upload_make(projects[0]), upload_make(projects[1]), upload_make(projects[0])]
        taken = [Card.objects.filter(project=project).count() for project in projects]
        ids = [new_id() for _ in uploads]
        results = [Jsonb({"cards": rows(*titles)}) for titles in (["a", "b"], ["c"], ["d"])]
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH {_DONE}, {CARDS.store_sql} SELECT * FROM cards_stored",  # noqa: S608
                [ids, [upload.pk for upload in uploads], [new_id() for _ in ids], results],
            )
            stored = {row[0]: row[1:] for row in cursor.fetchall()}
        assert [stored[item_id] for item_id in ids] == [(2, 0), (1, 0), (1, 0)]
        assert [code for code, _ in codes(projects[0])] == [
            f"C{taken[0] + number}" for number in (1, 2, 3)
        ]
        assert codes(projects[1]) == [(f"C{taken[1] + 1}", "c")]
