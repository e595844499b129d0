"""Pages over REST."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from content.pages.models import Page
from epics import bounds
from epics.models import ContentChange, Project
from epics.services import project_update
from tests.factories import client_of, project_make
from tests.integration.pages.world import CONTENT, page_body, page_make, page_write
from tests.threads import race

pytestmark = pytest.mark.django_db

API = "/api/v1"
FULL = page_body(
    "https://shop.example/seile?größe=8",
    title="Seile für alle ⛵",
    keywords=["Seil", "Tauwerk", "seil"],
    language="German",
    brandVoice={"tone": "Dry."},
    components=["introduction", "faq"],
    facts={"weight": "8 g/m", "colours": ["rot", "blau"]},
    metadata={"skuCount": 1200, "monthlySearches": 0, "contentStatus": "outdated"},
    deadline="2026-12-01T10:00:00Z",
    priority=7,
)


@pytest.fixture
def project() -> Project:
    return project_make()


@pytest.fixture
def client(project: Project) -> Any:
    return client_of(project.created_by)


def pages_url(project: Project) -> str:
    return f"{API}/projects/{project.pk}/pages"


def error_of(answer: Any, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    error: dict[str, Any] = answer.json()["error"]
    return error


class TestCreate:
    def test_a_page_comes_back_as_it_was_sent(self, client: Any, project: Project) -> None:
        created = client.post(pages_url(project), FULL, format="json").json()["data"]
        voice = {"tone": "Dry.", "do": [], "dont": [], "bannedWords": [], "sample": ""}
        expected = {**FULL, "keywords": ["Seil", "Tauwerk"], "brandVoice": voice}
        assert {key: created[key] for key in FULL} == expected
        assert (created["code"], created["content"], created["version"]) == ("P1", None, 1)
        read = client.get(f"{API}/pages/{created['id']}").json()["data"]
        assert read == created

    def test_little_has_to_be_said(self, client: Any, project: Project) -> None:
        created = client.post(pages_url(project), page_body(), format="json").json()["data"]
        assert created["metadata"] == {
            "skuCount": None,
            "monthlySearches": None,
            "contentStatus": "missing",
        }
        unsaid = ("title", "keywords", "language", "brandVoice", "components", "facts", "priority")
        assert [created[key] for key in unsaid] == ["", [], "", None, None, {}, None]

    def test_an_address_is_one_page(self, client: Any, project: Project) -> None:
        page_make(project, "https://shop.example/rope")
        body = page_body("http://SHOP.example/rope/#all")
        error = error_of(client.post(pages_url(project), body, format="json"))
        assert error["details"] == {"url": ["The page P1 has this address."]}
        other = pages_url(project_make(project.created_by))
        assert client.post(other, body, format="json").status_code == 201

    @pytest.mark.parametrize(
        ("fields", "place"),
        [
            ({"pageType": "landing"}, "pageType"),
            ({"url": "rope"}, "url"),
            ({"url": f"/{'x' * bounds.URL_CHARS}"}, "url"),
            ({"url": 1}, "url"),
            ({"title": "x" * (bounds.TITLE_CHARS + 1)}, "title"),
            ({"title": "a\nb"}, "title"),
            ({"keywords": ["x"] * (bounds.KEYWORDS + 1)}, "keywords"),
            ({"keywords": ["rope", " "]}, "keywords[1]"),
            ({"language": "Klingonese"}, "language"),
            ({"brandVoice": {"do": "x"}}, "brandVoice.do"),
            ({"components": []}, "components"),
            ({"components": ["faq", "faq"]}, "components"),
            ({"components": ["menu"]}, "components[0]"),
            ({"facts": []}, "facts"),
            ({"facts": {"a": "\x07"}}, "facts"),
            ({"metadata": {"skuCount": -1}}, "metadata.skuCount"),
            ({"metadata": {"skuCount": 2**31}}, "metadata.skuCount"),
            ({"metadata": {"monthlySearches": 1.5}}, "metadata.monthlySearches"),
            ({"metadata": {"contentStatus": "old"}}, "metadata.contentStatus"),
            ({"metadata": {"contentStatus": None}}, "metadata.contentStatus"),
            ({"metadata": {"rank": 1}}, "metadata.rank"),
            ({"deadline": "tomorrow"}, "deadline"),
            ({"priority": 11}, "priority"),
            ({"priority": True}, "priority"),
            ({"content": CONTENT}, "content"),
            ({"code": "P9"}, "code"),
        ],
        ids=str,
    )
    def test_what_is_out_of_bounds_is_named(
        self, client: Any, project: Project, fields: dict[str, Any], place: str
    ) -> None:
        answer = client.post(pages_url(project), page_body() | fields, format="json")
        assert list(error_of(answer)["details"]) == [place]
        assert not Page.objects.exists()

    def test_a_project_is_full_at_its_bound(
        self, client: Any, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bounds, "MAX_PAGES", 1)
        page_make(project)
        error = error_of(client.post(pages_url(project), page_body("/b"), format="json"))
        assert error["message"] == "A project has at most 1 pages."

    def test_codes_go_on_behind_a_deleted_page(self, client: Any, project: Project) -> None:
        first, second = page_make(project, "/a"), page_make(project, "/b")
        assert client.delete(f"{API}/pages/{first.pk}").status_code == 204
        assert (second.code, page_make(project, "/a").code) == ("P2", "P3")


class TestChange:
    def test_inputs_make_content_outdated(self, client: Any, project: Project) -> None:
        page = page_write(page_make(project))
        url = f"{API}/pages/{page.pk}"
        assert client.get(url).json()["data"]["metadata"]["contentStatus"] == "current"
        for change in ({"priority": 3}, {"deadline": None}, {"metadata": {"skuCount": 3}}):
            changed = client.patch(url, change, format="json").json()["data"]
            assert changed["metadata"]["contentStatus"] == "current"
        page.refresh_from_db()
        assert page.prompt_revision == 0
        changed = client.patch(url, {"facts": {"a": 1}}, format="json").json()["data"]
        assert changed["metadata"]["contentStatus"] == "outdated"
        assert changed["content"]["metaTitle"] == CONTENT["metaTitle"]
        page.refresh_from_db()
        assert (page.prompt_revision, page.version) == (1, 5)

    def test_the_same_again_changes_nothing(self, client: Any, project: Project) -> None:
        page = page_write(page_make(project, keywords=["rope"]), review_status="approved")
        content = {**CONTENT, "components": CONTENT["components"]}
        body = {"keywords": ["rope"], "content": content}
        changed = client.patch(f"{API}/pages/{page.pk}", body, format="json").json()["data"]
        assert changed["metadata"]["contentStatus"] == "current"
        assert changed["content"]["reviewStatus"] == "approved"
        assert changed["content"]["editedAt"] is None

    def test_new_inputs_outdate_what_is_said_to_be_current(
        self, client: Any, project: Project
    ) -> None:
        page = page_write(page_make(project))
        body = {"title": "New", "metadata": {"contentStatus": "current"}}
        url = f"{API}/pages/{page.pk}"
        changed = client.patch(url, body, format="json").json()["data"]
        assert changed["metadata"]["contentStatus"] == "outdated"
        changed = client.patch(url, body, format="json").json()["data"]
        assert changed["metadata"]["contentStatus"] == "current"

    def test_a_persons_content_is_a_draft_that_runs_keep(
        self, client: Any, project: Project
    ) -> None:
        page = page_write(
            page_make(project), review_status="approved", review_note="Good.", run_id=uuid4()
        )
        body = {"content": {"metaTitle": "Neu"}}
        changed = client.patch(f"{API}/pages/{page.pk}", body, format="json").json()["data"]
        content = changed["content"]
        assert (content["metaTitle"], content["reviewStatus"]) == ("Neu", "draft")
        assert (content["reviewNote"], content["keywordCoverage"]) == ("", None)
        assert content["quality"] == {"score": None, "defects": []}
        assert content["editedAt"]
        assert content["runId"] == str(page.run_id)
        assert [each["type"] for each in content["components"]] == ["introduction", "faq"]

    def test_a_person_may_write_the_first_content(self, client: Any, project: Project) -> None:
        page = page_make(project)
        hostile = "# Big\n\n<script>alert(1)</script>[x](javascript:alert(1)) *ok*"
        body = {
            "content": {
                "components": [{"type": "hero", "heading": "<b>Hi</b>", "markdown": hostile}]
            }
        }
        changed = client.patch(f"{API}/pages/{page.pk}", body, format="json").json()["data"]
        (component,) = changed["content"]["components"]
        assert "<script" not in component["html"]
        assert "javascript:" not in component["html"].replace("(javascript:", "")
        assert "<em>ok</em>" in component["html"]
        assert component["heading"] == "<b>Hi</b>"
        assert changed["metadata"]["contentStatus"] == "current"

    @pytest.mark.parametrize(
        ("content", "place"),
        [
            ({"metaTitle": "x" * (bounds.META_TITLE_CHARS + 1)}, "content.metaTitle"),
            ({"metaTitle": "a\nb"}, "content.metaTitle"),
            ({"components": [{"type": "x", "markdown": ""}]}, "content.components[0].type"),
            ({"components": [{"type": "faq"}]}, "content.components[0].markdown"),
            (
                {"components": [{"type": "faq", "markdown": "", "html": "<p>"}]},
                "content.components[0].html",
            ),
            (
                {"components": [{"type": "faq", "markdown": "x" * (bounds.TEXT_CHARS + 1)}]},
                "content.components[0].markdown",
            ),
            ({"components": [{}] * (bounds.PAGE_COMPONENTS + 1)}, "content.components"),
            ({"reviewStatus": "approved"}, "content.reviewStatus"),
            ({"runId": None}, "content.runId"),
        ],
        ids=str,
    )
    def test_content_has_bounds(
        self, client: Any, project: Project, content: dict[str, Any], place: str
    ) -> None:
        page = page_make(project)
        answer = client.patch(f"{API}/pages/{page.pk}", {"content": content}, format="json")
        assert list(error_of(answer)["details"]) == [place]

    def test_a_stale_version_is_a_conflict(self, client: Any, project: Project) -> None:
        page = page_make(project)
        url = f"{API}/pages/{page.pk}"
        assert client.patch(url, {"title": "a", "version": 1}, format="json").status_code == 200
        answer = client.patch(url, {"title": "b", "version": 1}, format="json")
        assert error_of(answer, 409)["code"] == "VERSION_CONFLICT"

    def test_a_new_address_has_to_be_free(self, client: Any, project: Project) -> None:
        page_make(project, "/a")
        page = page_make(project, "/b")
        url = f"{API}/pages/{page.pk}"
        error = error_of(client.patch(url, {"url": "/a/"}, format="json"))
        assert error["details"] == {"url": ["The page P1 has this address."]}
        assert client.patch(url, {"url": "/b/"}, format="json").json()["data"]["url"] == "/b/"
        assert client.patch(url, {"url": "/c"}, format="json").status_code == 200
        assert client.post(pages_url(project), page_body("/b"), format="json").status_code == 201

    def test_what_a_project_says_outdates_its_pages(self, client: Any, project: Project) -> None:
        page, other = page_write(page_make(project)), page_write(page_make(project_make()))
        missing = page_make(project, "/b")
        for changes, revision in (
            ({"code": "X"}, 0),
            ({"brand_voice": {"tone": "Dry."}}, 1),
            ({"context": "x"}, 2),
        ):
            project_update(project_id=project.pk, changes=changes)
            page.refresh_from_db()
            assert page.prompt_revision == revision
        missing.refresh_from_db()
        other.refresh_from_db()
        assert (page.content_status, page.version) == ("outdated", 1)
        assert (missing.content_status, missing.prompt_revision) == ("missing", 2)
        assert (other.content_status, other.prompt_revision) == ("current", 0)


class TestList:
    def test_filters(self, client: Any, project: Project) -> None:
        Project.objects.update(language="German")
        page_make(project, "/a", title="Seil", page_type="product")
        page_write(page_make(project, "/b", title="Tau", language="German"))
        page_write(page_make(project, "/c", language="French"), review_status="approved")
        page_make(project_make(), "/a")
        for query, codes in {
            "": ["P1", "P2", "P3"],
            "?order=-order": ["P3", "P2", "P1"],
            "?order=title": ["P3", "P1", "P2"],
            "?order=-url": ["P3", "P2", "P1"],
            "?type=product": ["P1"],
            "?contentStatus=current": ["P2", "P3"],
            "?reviewStatus=draft": ["P2"],
            "?reviewStatus=approved": ["P3"],
            "?language=german": ["P1", "P2"],
            "?language=FRENCH": ["P3"],
            "?q=sei": ["P1"],
            "?q=/B": ["P2"],
            "?q=%25": [],
            "?type=product&contentStatus=current": [],
        }.items():
            rows = client.get(pages_url(project) + query).json()["data"]
            assert [row["code"] for row in rows] == codes, query

    def test_pages_of_the_list(self, client: Any, project: Project) -> None:
        for number in range(5):
            page_make(project, f"/{number}", title="same")
        for order in ("order", "title", "-url"):
            url, codes = f"{pages_url(project)}?order={order}&limit=2", list[str]()
            cursor: str | None = ""
            while cursor is not None:
                answer = client.get(f"{url}&cursor={cursor}").json()
                codes += [row["code"] for row in answer["data"]]
                cursor = answer["page"]["next"]
            assert sorted(codes) == ["P1", "P2", "P3", "P4", "P5"]

    @pytest.mark.parametrize(
        "query", ["type=x", "contentStatus=x", "reviewStatus=x", "order=code", "status=draft"]
    )
    def test_a_filter_that_is_none_is_refused(
        self, client: Any, project: Project, query: str
    ) -> None:
        error_of(client.get(f"{pages_url(project)}?{query}"))


@pytest.mark.django_db(transaction=True)
def test_of_two_pages_of_one_address_at_the_same_time_one_is_made() -> None:
    project = project_make()

    def create(url: str) -> int:
        client = client_of(project.created_by)
        return int(client.post(pages_url(project), page_body(url), format="json").status_code)

    found = race(*(partial(create, url) for url in ("/rope", "/rope/", "/rope#a")))
    assert sorted(found) == [201, 400, 400]
    assert Page.objects.count() == 1


class TestReview:
    def test_a_page_is_reviewed_of_its_version(self, client: Any, project: Project) -> None:
        page, bare = page_write(page_make(project)), page_make(project, "/bare")
        items = [{"id": str(each.pk), "version": 1} for each in (page, bare)]
        body = {"kind": "page", "items": items, "status": "approved", "note": "Good."}
        url = f"{API}/projects/{project.pk}/review"
        reviewed = client.post(url, body, format="json").json()["data"]
        assert reviewed == {
            "changed": 1,
            "unchanged": 0,
            "conflicts": [{"id": str(bare.pk), "version": None}],
        }
        content = client.get(f"{API}/pages/{page.pk}").json()["data"]["content"]
        assert (content["reviewStatus"], content["reviewNote"]) == ("approved", "Good.")

    def test_what_people_change_and_delete_is_told(self, client: Any, project: Project) -> None:
        page = page_write(page_make(project), review_status="approved")
        url = f"{API}/pages/{page.pk}"
        assert client.patch(url, {"title": "No content"}, format="json").status_code == 200
        body = {"content": {"metaTitle": "Neu"}}
        assert client.patch(url, body, format="json").status_code == 200
        assert client.delete(url).status_code == 204
        removed, changed = ContentChange.objects.filter(
            kind="page", code="P1", parent_id=project.pk
        )
        assert (removed.change, changed.change) == ("removed", "changed")
        assert changed.user == project.created_by
        assert changed.fields == {
            "metaTitle": {"before": CONTENT["metaTitle"], "after": "Neu"},
            "reviewStatus": {"before": "approved", "after": "draft"},
        }
