"""Runs over pages: which pages they take, and what they load and store."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils.timezone import now
from psycopg.types.json import Jsonb

from batchgen.db.clock import database_now
from batchgen.db.ids import new_id
from batchgen.errors import ValidationFailed
from content.kind import Loaded
from content.pages.components import DEFAULTS
from content.pages.kind import PAGES
from content.pages.likeness import signature
from content.pages.models import Page
from content.pages.options import PagesOptions
from content.pages.values import GenerationInput
from content.run_types import RunType
from epics.models import ContentChange, Project, ReviewStatus
from runs.engine.claims import LaneClaim
from runs.engine.outcomes import Outcome
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Run, RunItem, RunLog, Worker
from runs.states import ItemStatus
from tests.factories import client_of
from tests.integration.engine import hands
from tests.integration.engine.world import SPEND, World, assert_counted, project_make, worker_make
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)

OPTIONS = PagesOptions()
#: What a group of items would hand to the kind's statement.
_DONE = """done AS (
    SELECT rows.*, 'x' AS code,
           '{"keep_edited": true, "keep_approved": true}'::jsonb AS options
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::jsonb[])
        AS rows (item_id, target_id, run_id, result)
)"""


def pages_make(project: Project, count: int, **changes: Any) -> list[Page]:
    """Product pages P1 and on, the later ones first in the table."""
    return Page.objects.bulk_create(
        Page(
            **{
                "project": project,
                "code": f"P{place}",
                "order": place,
                "page_type": "product",
                "url": f"https://example.org/p{place}",
                "url_key": f"{project.pk}-p{place}",
                "title": f"Lamp {'abcdefghij'[place % 10]}",
                "keywords": ["desk lamp"],
                "facts": {"height": "45 cm"},
            }
            | changes
        )
        for place in range(count, 0, -1)
    )


def result(title: str = "Lamp", **changes: object) -> dict[str, object]:
    """As an attempt stores it."""
    plain: dict[str, object] = {
        "meta_title": title,
        "meta_description": "A lamp.",
        "components": [
            {"type": "hero", "heading": "", "markdown": f"*{title}*", "html": f"<p>{title}</p>"}
        ],
        "keyword_coverage": 0.5,
        "quality_score": 80,
        "defects": [{"criterion": "keywords"}],
        "signature": signature(" ".join([f"a lamp {place}" for place in range(50)]) + title),
        "prompt_revision": 0,
    }
    return plain | changes


@dataclass
class Chain:
    """A run over pages, taken step by step as a worker would."""

    run: Run
    worker: Worker

    @classmethod
    def make(cls, project: Project, **chosen: Any) -> "Chain":
        run = run_start(
            project=project,
            user=None,
            options=RunOptions(
                type=RunType.GENERATE_PAGES, pacing_profile="adaptive", max_concurrency=1, **chosen
            ),
        )
        run_begin(run_id=run.id)
        return cls(run=run, worker=worker_make(f"w{Worker.objects.count()}@test"))

    def claim(self) -> tuple[LaneClaim, UUID]:
        fence = World(run=self.run, worker=self.worker).fences()[0]
        call_id = new_id()
        claim = hands.claim(fence=fence, worker_id=self.worker.id, call_id=call_id)
        assert claim
        return claim, call_id

    def finish(self, claimed: tuple[LaneClaim, UUID], made: dict[str, object]) -> RunItem:
        claim, call_id = claimed
        moved = hands.finish(
            fence=claim.fence,
            call_id=call_id,
            outcome=Outcome(status=ItemStatus.COMPLETED, message="Done", result=made),
            spend=SPEND,
            park_s=0,
        )
        assert moved
        return RunItem.objects.get(id=claim.fence.item_id)

    def do(self, made: dict[str, object]) -> RunItem:
        return self.finish(self.claim(), made)

    def again(self, **chosen: Any) -> "Chain":
        run_finalize(run_id=self.run.id)
        return Chain.make(self.run.project, **chosen)


def read(claim: LaneClaim) -> GenerationInput:
    """What the steps are given of a claim."""
    assert claim.input is not None
    return PAGES.read(
        Loaded(
            item_id=claim.item_id,
            run_id=claim.run_id,
            target_id=new_id(),
            code=claim.code,
            model=claim.model,
            max_tokens=claim.max_tokens,
            options=claim.options,
            input=claim.input,
        )
    )


class TestTargets:
    def test_by_priority_then_score_then_order(self) -> None:
        project = project_make(epics=0)
        pages_make(project, 6)
        pages_make(project_make(epics=0, name="Other"), 2)
        Page.objects.filter(code="P6").update(priority=10)
        Page.objects.filter(code="P5").update(deadline=now() + timedelta(hours=1), sku_count=2_000)
        Page.objects.filter(code="P4").update(monthly_searches=20_000)
        Page.objects.filter(code="P1").update(priority=0)
        found = PAGES.targets(project, None, OPTIONS)
        assert [one.code for one in found] == ["P6", "P5", "P4", "P2", "P3", "P1"]
        assert all(one.input_tokens > 1_000 for one in found)
        assert {one.factor for one in PAGES.reasons(found)} >= {"skuCount", "deadline"}

    def test_ten_thousand_take_one_statement(self, django_assert_num_queries: Any) -> None:
        project = project_make(epics=0)
        pages_make(project, 10_000)
        database_now()
        with django_assert_num_queries(1):
            assert len(PAGES.targets(project, None, OPTIONS)) == 10_000

    @pytest.mark.parametrize(
        ("options", "left"),
        [
            (PagesOptions(), ["P3"]),
            (PagesOptions(keep_edited=False), ["P1", "P3"]),
            (PagesOptions(keep_approved=False), ["P2", "P3"]),
            (PagesOptions(keep_edited=False, keep_approved=False), ["P1", "P2", "P3"]),
        ],
    )
    def test_of_a_whole_project_what_is_kept_is_left_out(
        self, options: PagesOptions, left: list[str]
    ) -> None:
        project = project_make(epics=0)
        pages = {page.code: page.pk for page in pages_make(project, 3)}
        Page.objects.filter(code="P1").update(edited_at=now())
        Page.objects.filter(code="P2").update(review_status=ReviewStatus.APPROVED)
        assert [one.code for one in PAGES.targets(project, None, options)] == left
        named = PAGES.targets(project, [pages["P2"], pages["P1"], new_id()], options)
        assert [one.code for one in named] == ["P1", "P2"]

    def test_the_start_warns_of_those_that_it_leaves_out(self) -> None:
        project = project_make(epics=0)
        _, edited, approved = pages_make(project, 3)
        Page.objects.filter(pk=edited.pk).update(edited_at=now())
        Page.objects.filter(pk=approved.pk).update(review_status=ReviewStatus.APPROVED)
        client = client_of(project.created_by)

        def warned(**chosen: Any) -> list[Any]:
            answer = client.post(
                f"/api/v1/projects/{project.pk}/runs",
                {"type": "GENERATE_PAGES", **chosen},
                content_type="application/json",
            )
            assert answer.status_code == 202, answer.content
            data = answer.json()["data"]
            client.post(f"/api/v1/runs/{data['runId']}/cancel")
            found: list[Any] = data["warnings"]
            return found

        (told,) = warned()
        assert (told["code"], told["count"]) == ("KEPT_LEFT_OUT", 2)
        assert "2 pages" in told["message"]
        assert RunLog.objects.filter(level="warning", message=told["message"]).exists()
        assert warned(targetIds=[str(edited.pk)]) == []
        (replaced,) = warned(options={"keepEdited": False, "keepApproved": False})
        assert replaced["code"] == "WOULD_REPLACE"

    def test_where_all_are_kept_there_is_nothing_to_process(self) -> None:
        project = project_make(epics=0)
        with pytest.raises(ValidationFailed, match="There are no pages to process"):
            Chain.make(project)
        pages_make(project, 2, edited_at=now())
        with pytest.raises(ValidationFailed, match="All pages of this project were edited"):
            Chain.make(project)
        Chain.make(project, options={"keep_edited": False})


class TestLoaded:
    def test_the_page_its_project_and_its_voice(self) -> None:
        project = project_make(epics=0)
        Project.objects.filter(pk=project.pk).update(
            language="German",
            brand_voice={"tone": "calm", "bannedWords": ["cheap"], "do": ["a"], "sample": "x"},
        )
        pages_make(project, 1, brand_voice={"bannedWords": ["gratis"]}, prompt_revision=3)
        inp = read(Chain.make(project, options={"language": "French"}).claim()[0])
        assert (inp.page.title, inp.page.keywords) == ("Lamp b", ("desk lamp",))
        assert inp.page.components == DEFAULTS["product"]
        assert inp.page.facts == {"height": "45 cm"}
        assert inp.banned_words == ("cheap", "gratis")
        assert (inp.project.name, inp.project.voice.tone) == ("Library", "calm")
        assert (inp.language, inp.language_tag) == ("French", "fr")
        assert (inp.kept, inp.prompt_revision, inp.neighbours) == (False, 3, ())

    @pytest.mark.parametrize(
        ("page", "options", "language", "tag"),
        [
            ("", {}, "German", "de"),
            ("", {"language": "French"}, "French", "fr"),
            ("Spanish", {"language": "French"}, "Spanish", "es"),
            ("pt-BR", {}, "pt-BR", "pt"),
        ],
    )
    def test_a_pages_own_language_stands(
        self, page: str, options: dict[str, str], language: str, tag: str
    ) -> None:
        project = project_make(epics=0)
        Project.objects.filter(pk=project.pk).update(language="German")
        pages_make(project, 1, language=page)
        inp = read(Chain.make(project, options=options).claim()[0])
        assert (inp.language, inp.language_tag) == (language, tag)

    def test_the_latest_of_its_type_are_its_neighbours(self) -> None:
        project = project_make(epics=0)
        pages_make(project, 60)
        begin = now()
        for page in Page.objects.exclude(code="P1"):
            page.generated_at = begin - timedelta(minutes=page.order)
            page.signature = page.code
            page.save()
        Page.objects.filter(code="P2").update(page_type="brand")
        Page.objects.filter(code="P3").update(generated_at=None)
        target = Page.objects.get(code="P1")
        inp = read(Chain.make(project, target_ids=[target.pk]).claim()[0])
        assert [each.code for each in inp.neighbours] == [f"P{order}" for order in range(4, 44)]

    def test_a_page_that_is_gone_has_no_input(self) -> None:
        project = project_make(epics=0)
        pages_make(project, 1)
        chain = Chain.make(project)
        Page.objects.all().delete()
        assert chain.claim()[0].input is None


class TestStored:
    def test_the_first_content(self) -> None:
        project = project_make(epics=0)
        (page,) = pages_make(project, 1, review_note="old", review_status="rejected")
        chain = Chain.make(project)
        item = chain.do(result())
        assert (item.status, item.created, item.kept) == ("COMPLETED", 1, 0)
        page.refresh_from_db()
        assert (page.meta_title, page.meta_description) == ("Lamp", "A lamp.")
        assert page.content_components[0]["html"] == "<p>Lamp</p>"
        assert (page.keyword_coverage, page.quality_score) == (0.5, 80)
        assert page.defects == [{"criterion": "keywords"}]
        assert (page.content_status, page.run_id, page.version) == ("current", chain.run.pk, 2)
        assert (page.review_status, page.review_note, page.edited_at) == ("draft", "", None)
        assert page.generated_at is not None
        assert page.signature
        assert not ContentChange.objects.exists()
        assert_counted(chain.run, kept=False)

    def test_without_a_score(self) -> None:
        project = project_make(epics=0)
        (page,) = pages_make(project, 1)
        Chain.make(project).do(result(keyword_coverage=None, quality_score=None, defects=[]))
        page.refresh_from_db()
        assert (page.keyword_coverage, page.quality_score, page.defects) == (None, None, [])

    def test_a_second_run_tells_what_it_changed(self) -> None:
        project = project_make(epics=0)
        (page,) = pages_make(project, 1)
        first = Chain.make(project)
        first.do(result())
        second = first.again()
        second.do(result("Other lamp"))
        (change,) = ContentChange.objects.all()
        assert (change.kind, change.code, change.change) == ("page", "P1", "changed")
        assert (change.parent_id, change.run_id) == (project.pk, second.run.pk)
        assert set(change.fields) == {"metaTitle", "contentComponents"}
        assert change.fields["metaTitle"] == {"before": "Lamp", "after": "Other lamp"}
        page.refresh_from_db()
        assert (page.meta_title, page.version) == ("Other lamp", 3)

    @pytest.mark.parametrize("change", ["edited", "approved"])
    def test_what_was_edited_or_approved_under_the_run_stays(self, change: str) -> None:
        project = project_make(epics=0)
        pages_make(project, 1, meta_title="Mine")
        chain = Chain.make(project)
        claimed = chain.claim()
        Page.objects.update(
            edited_at=now() if change == "edited" else None,
            review_status="approved" if change == "approved" else "draft",
        )
        item = chain.finish(claimed, result())
        assert (item.status, item.created, item.kept) == ("COMPLETED", 0, 1)
        page = Page.objects.get()
        assert (page.meta_title, page.version, page.content_status) == ("Mine", 1, "missing")
        assert not ContentChange.objects.exists()

    def test_an_approval_under_way_is_waited_for(self) -> None:
        project = project_make(epics=0)
        pages_make(project, 1, meta_title="Mine")
        chain = Chain.make(project)
        claimed = chain.claim()

        def person() -> None:
            with transaction.atomic():
                Page.objects.select_for_update().get()
                barrier.append(True)
                while not waiting():
                    pass
                Page.objects.update(review_status=ReviewStatus.APPROVED)

        def worker() -> RunItem:
            while not barrier:
                pass
            return chain.finish(claimed, result())

        barrier: list[bool] = []
        _, item = race(person, worker)
        assert isinstance(item, RunItem)
        assert (item.created, item.kept) == (0, 1)
        assert Page.objects.get().meta_title == "Mine"

    def test_a_page_that_is_named_and_kept_ends_as_kept(self) -> None:
        project = project_make(epics=0)
        (page,) = pages_make(project, 1, edited_at=now(), meta_title="Mine")
        chain = Chain.make(project, target_ids=[page.pk])
        claimed = chain.claim()
        assert read(claimed[0]).kept
        item = chain.finish(claimed, PAGES.result(read(claimed[0]), None))
        assert (item.created, item.kept) == (0, 1)
        assert Page.objects.get().meta_title == "Mine"

    def test_where_the_run_keeps_nothing_all_is_replaced(self) -> None:
        project = project_make(epics=0)
        pages_make(project, 1, edited_at=now(), review_status="approved", meta_title="Mine")
        nothing = {"keep_edited": False, "keep_approved": False}
        item = Chain.make(project, options=nothing).do(result())
        assert (item.created, item.kept) == (1, 0)
        page = Page.objects.get()
        assert (page.meta_title, page.edited_at, page.review_status) == ("Lamp", None, "draft")
        assert ContentChange.objects.get().fields["metaTitle"]["before"] == "Mine"

    def test_what_changed_since_the_claim_makes_it_outdated(self) -> None:
        project = project_make(epics=0)
        pages_make(project, 1)
        chain = Chain.make(project)
        claimed = chain.claim()
        Page.objects.update(prompt_revision=1)
        chain.finish(claimed, result())
        assert Page.objects.get().content_status == "outdated"

    def test_a_page_that_is_gone_at_the_end_is_completed_with_nothing(self) -> None:
        project = project_make(epics=0)
        pages_make(project, 1)
        chain = Chain.make(project)
        claimed = chain.claim()
        Page.objects.all().delete()
        item = chain.finish(claimed, result())
        assert (item.status, item.created, item.kept) == ("COMPLETED", 0, 0)

    def test_several_in_one_statement(self) -> None:
        project = project_make(epics=0)
        pages = {page.code: page for page in pages_make(project, 4)}
        Page.objects.filter(code="P3").update(review_status=ReviewStatus.APPROVED)
        Page.objects.filter(code="P2").update(generated_at=now(), meta_title="Old")
        ids = [new_id() for _ in range(5)]
        targets = [pages[code].pk for code in ("P4", "P3", "P2", "P1")] + [new_id()]
        made = [result(f"New {place}") for place in range(5)]
        made[3] = {}
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH {_DONE}, {PAGES.store_sql} SELECT * FROM pages_stored",  # noqa: S608
                [ids, targets, [new_id()] * 5, [Jsonb(one) for one in made]],
            )
            stored = {row[0]: row[1:] for row in cursor.fetchall()}
        assert stored == {ids[0]: (1, 0), ids[1]: (0, 1), ids[2]: (1, 0), ids[3]: (0, 1)}
        titles = Page.objects.order_by("code").values_list("meta_title", flat=True)
        assert list(titles) == ["", "New 2", "", "New 0"]
        assert [each.code for each in ContentChange.objects.all()] == ["P2"]


def waiting() -> bool:
    """Whether somebody waits for a lock here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def test_a_pages_priority_is_its_items() -> None:
    project = project_make(epics=0)
    pages_make(project, 3)
    Page.objects.filter(code="P2").update(priority=9)
    run = run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(type=RunType.GENERATE_PAGES, pacing_profile="adaptive"),
    )
    items = list(RunItem.objects.filter(run=run).order_by("order"))
    assert (items[0].code, items[0].priority) == ("P2", 9)
    assert {item.priority for item in items[1:]} <= set(range(9))
