"""Import of pages: CSV of whatever program, JSON, all or nothing."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from batchgen.http.throttle import one_at_a_time
from content.pages import bulk
from content.pages.models import Page
from epics import bounds
from epics.models import Project
from tests.factories import client_of, member_make, project_make
from tests.integration.pages.world import CONTENT, page_body, page_make, page_write

pytestmark = pytest.mark.django_db

API = "/api/v1"
HEAD = "Page type,URL"


@pytest.fixture
def project() -> Project:
    return project_make()


@pytest.fixture
def client(project: Project) -> Any:
    return client_of(project.created_by)


def import_json(client: Any, project: Project, *pages: Any) -> Any:
    return client.post(import_url(project), {"pages": list(pages)}, format="json")


def import_csv(client: Any, project: Project, text: str | bytes, encoding: str = "utf-8") -> Any:
    body = text if isinstance(text, bytes) else text.encode(encoding)
    return client.post(import_url(project), body, content_type="text/csv")


def import_url(project: Project) -> str:
    return f"{API}/projects/{project.pk}/pages/import"


def counts(answer: Any) -> list[int]:
    assert answer.status_code == 201, answer.content
    data = answer.json()["data"]
    return [data[key] for key in ("pageCount", "created", "updated", "unchanged")]


def problems(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.content
    error = answer.json()["error"]
    assert error["message"].startswith("The pages were not imported. ")
    assert not Page.objects.exists()
    details: dict[str, list[str]] = error["details"]
    return details


class TestCSV:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_any_delimiter_in_any_encoding(
        self, client: Any, project: Project, delimiter: str, encoding: str
    ) -> None:
        rows = [
            ["Type", "Target URL", "Keywords", "SKUs", "Search volume", "Fact: Länge", "Due"],
            ["Product", "/größe", '"Seil, Tau;Seil"', "1.200", "12 000", "8 m", "2026-12-01"],
        ]
        text = "\r\n".join(delimiter.join(row) for row in rows)
        assert counts(import_csv(client, project, text, encoding)) == [1, 1, 0, 0]
        page = Page.objects.get()
        assert (page.page_type, page.url, page.keywords) == ("product", "/größe", ["Seil", "Tau"])
        assert (page.sku_count, page.monthly_searches) == (1200, 12000)
        assert page.facts == {"Länge": "8 m"}
        assert page.deadline
        assert page.deadline.isoformat() == "2026-12-01T23:59:59+00:00"

    def test_each_column_has_its_place(self, client: Any, project: Project) -> None:
        text = (
            "pageType,url,title,language,components,contentStatus,priority,deadline,facts.a,name\n"
            "BRAND,/a,Über,de,Hero | FAQ,Outdated,9,2026-12-01T10:00:00+01:00,x,y\n"
        )
        assert counts(import_csv(client, project, text)) == [1, 1, 0, 0]
        page = Page.objects.get()
        assert (page.title, page.language, page.priority) == ("Über", "de", 9)
        assert (page.components, page.content_status) == (["hero", "faq"], "outdated")
        assert page.facts == {"a": "x"}
        assert page.deadline
        assert page.deadline.isoformat() == "2026-12-01T09:00:00+00:00"

    def test_columns_that_are_not_read_are_told(self, client: Any, project: Project) -> None:
        text = f"{HEAD},Owner,Notes\nproduct,/a,Me,\n"
        answer = import_csv(client, project, text)
        told = 'These columns were not read: "Owner", "Notes".'
        assert answer.json()["data"]["warnings"] == [told]

    def test_what_an_export_made_safe_is_as_it_was(self, client: Any, project: Project) -> None:
        text = f"{HEAD},Title,Keywords\nproduct,/a,'=1+1,'-10%\nproduct,/b,'quoted',x\n"
        assert counts(import_csv(client, project, text)) == [2, 2, 0, 0]
        first, second = Page.objects.order_by("order")
        assert (first.title, first.keywords, second.title) == ("=1+1", ["-10%"], "'quoted'")

    def test_errors_are_told_by_row_and_column(self, client: Any, project: Project) -> None:
        text = (
            f"{HEAD},SKUs,Deadline,Priority,Language,Components,Fact: a,Title\n"
            "product,/a,many,soon,11,Klingonese,menu,ok,ok\n"
            "\n"
            "landing,rope,-1,,,,,,\n"
            ",/a/,,,,,,,\n"
            f"product,/c,,,,,,{'x' * (bounds.FACT_CHARS + 1)},{'y' * 501}\n"
        )
        assert list(problems(import_csv(client, project, text))) == [
            "row 2, column 6 (Language)",
            "row 2, column 7 (Components)",
            "row 2, column 3 (SKUs)",
            "row 2, column 4 (Deadline)",
            "row 2, column 5 (Priority)",
            "row 4, column 1 (Page type)",
            "row 4, column 2 (URL)",
            "row 4, column 3 (SKUs)",
            "row 5, pageType",
            "row 6, column 9 (Title)",
            "row 6, column 8 (Fact: a)",
        ]

    def test_two_rows_of_one_page_are_told(self, client: Any, project: Project) -> None:
        text = f"{HEAD}\nproduct,/a\nbrand,/b\ncategory,/a/#x\n"
        assert problems(import_csv(client, project, text)) == {
            "row 4, url": ["This is the address of row 2, too."]
        }

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("\n", 'The CSV needs the columns "Page type" and "URL"'),
            ("Title,Points\nMaps,3\n", '"Title", "Points"'),
            ("URL\n/a\n", '"Page type"'),
            (f'{HEAD}\nproduct,"/a\n', "Row 2, column 2: a quotation mark is not closed"),
            (f"{HEAD}\nproduct,/a,more\n", "Row 2, column 3: the first row names no such column"),
        ],
    )
    def test_what_is_no_table_of_pages(
        self, client: Any, project: Project, text: str, said: str
    ) -> None:
        assert said in problems(import_csv(client, project, text))["csv"][0]

    @pytest.mark.parametrize("raw", [b"PK\x03\x04rest", b"%PDF-1.7", b"\xff\xfe\x00"])
    def test_what_is_no_text(self, client: Any, project: Project, raw: bytes) -> None:
        answer = import_csv(client, project, raw)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("The body was refused. ")

    def test_an_empty_cell_says_nothing(self, client: Any, project: Project) -> None:
        page_make(project, "/a", title="Old", sku_count=3, facts={"a": 1})
        text = f"{HEAD},Title,SKUs,Fact: b\ncategory,/a, ,4,\n"
        assert counts(import_csv(client, project, text)) == [1, 0, 1, 0]
        page = Page.objects.get()
        assert (page.title, page.sku_count, page.facts, page.version) == ("Old", 4, {"a": 1}, 2)


class TestJSON:
    def test_pages_that_are_there_are_changed(self, client: Any, project: Project) -> None:
        outdated = page_write(page_make(project, "/a", title="Old", priority=3))
        page_write(page_make(project, "/b"))
        other = page_make(project_make(), "/a")
        answer = import_json(
            client,
            project,
            page_body("/new", title="New"),
            page_body("/a/", title="Neu", content=exported_content()),
            page_body("/b", metadata={}),
        )
        assert counts(answer) == [3, 1, 1, 1]
        codes = Page.objects.filter(project=project).order_by("order").values_list("code", "url")
        assert list(codes) == [("P1", "/a/"), ("P2", "/b"), ("P3", "/new")]
        outdated.refresh_from_db()
        assert (outdated.title, outdated.priority, outdated.version) == ("Neu", 3, 2)
        assert (outdated.content_status, outdated.prompt_revision) == ("outdated", 1)
        assert outdated.meta_title == CONTENT["metaTitle"]
        assert outdated.edited_at is None
        other.refresh_from_db()
        assert other.version == 1

    def test_a_part_that_is_named_may_be_emptied(self, client: Any, project: Project) -> None:
        page_make(project, "/a", title="Old", facts={"a": 1}, priority=3, brand_voice={"tone": "x"})
        emptied: dict[str, Any] = {"title": "", "facts": {}, "priority": None, "brandVoice": None}
        assert counts(import_json(client, project, page_body("/a", **emptied))) == [1, 0, 1, 0]
        page = Page.objects.get()
        found = (page.title, page.facts, page.priority, page.brand_voice)
        assert found == ("", {}, None, None)
        assert Page.objects.filter(brand_voice__isnull=True, components__isnull=True).exists()

    def test_new_pages_bring_their_content(self, client: Any, project: Project) -> None:
        body = page_body("/a", content=exported_content(html="<script>"))
        import_json(client, project, body)
        data = client.get(f"{API}/pages/{Page.objects.get().pk}").json()["data"]["content"]
        assert data["metaTitle"] == "Seile"
        assert data["components"][0]["html"] == "<p>A <em>b</em></p>"
        assert (data["reviewStatus"], data["reviewNote"]) == ("approved", "Good.")
        assert data["quality"]["score"] == 90
        assert (data["generatedAt"], data["editedAt"]) == ("2026-11-26T06:00:00Z", None)

    @pytest.mark.parametrize(
        ("page", "place"),
        [
            ({"url": "/a"}, "pages[0].pageType"),
            (page_body("rope"), "pages[0].url"),
            (page_body(colour=1), "pages[0].colour"),
            (page_body(language="Klingonese"), "pages[0].language"),
            (page_body(keywords=["x"] * 51), "pages[0].keywords"),
            (page_body(components=["menu"]), "pages[0].components[0]"),
            (page_body(components=[]), "pages[0].components"),
            (page_body(components=["faq", "faq"]), "pages[0].components"),
            (page_body(facts={"a": "\x07"}), "pages[0].facts"),
            (page_body(metadata={"skuCount": "3"}), "pages[0].metadata.skuCount"),
            (page_body(metadata={"skuCount": 2**31}), "pages[0].metadata.skuCount"),
            (page_body(deadline="2026-12-01"), "pages[0].deadline"),
            (page_body(priority=11), "pages[0].priority"),
            (page_body(brandVoice={"do": [""]}), "pages[0].brandVoice.do[0]"),
            (page_body(content={}), "pages[0].content"),
            (page_body(content={"components": [{}]}), "pages[0].content.components[0].type"),
            ("x", "pages[0]"),
        ],
        ids=str,
    )
    def test_what_is_out_of_bounds_is_named(
        self, client: Any, project: Project, page: Any, place: str
    ) -> None:
        assert place in problems(import_json(client, project, page, page_body("/good")))

    @pytest.mark.parametrize("body", [{}, {"pages": {}}, {"pages": [], "more": 1}, []])
    def test_what_is_no_list_of_pages(self, client: Any, project: Project, body: Any) -> None:
        problems(client.post(import_url(project), body, format="json"))

    def test_an_empty_list_makes_nothing(self, client: Any, project: Project) -> None:
        assert counts(import_json(client, project)) == [0, 0, 0, 0]

    def test_every_nasty_text_comes_back(self, client: Any, project: Project) -> None:
        texts = ["💡 ∑ \u202eabc", "'; DROP TABLE pages_page; --", "e\u0301", "<b>&amp;", "%s{}"]
        pages = [
            page_body(f"/{number}", title=text, keywords=[text], facts={text: text})
            for number, text in enumerate(texts)
        ]
        assert counts(import_json(client, project, *pages)) == [5, 5, 0, 0]
        rows = client.get(f"{API}/projects/{project.pk}/pages").json()["data"]
        assert [row["title"] for row in rows] == texts
        assert [row["facts"] for row in rows] == [{text: text} for text in texts]


class TestBounds:
    def test_a_thousand_pages_take_as_many_queries_as_one(
        self, client: Any, project: Project
    ) -> None:
        def queries(*pages: Any) -> int:
            with CaptureQueriesContext(connection) as captured:
                assert counts(import_json(client, project, *pages))[1] == len(pages)
            return len(captured)

        many = [page_body(f"/{n}", keywords=["a", "b"], facts={"n": n}) for n in range(1_000)]
        assert queries(*many) == queries(page_body("/few")) < 30
        again = [{**page, "title": "x"} for page in many]
        answer = import_json(client, project, *again, page_body("/few"))
        assert counts(answer) == [1_001, 0, 1_000, 1]
        assert Page.objects.filter(title="x", version=2).count() == 1_000

    def test_a_list_has_a_bound(
        self, client: Any, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = f"{HEAD}\n" + "".join(f"product,/{n}\n" for n in range(bounds.IMPORT_PAGES + 1))
        said = "There are more than 10,000 pages; import them in parts."
        assert problems(import_csv(client, project, text)) == {"csv": [said]}
        found = problems(import_json(client, project, *[1] * (bounds.IMPORT_PAGES + 1)))
        assert list(found) == ["pages"]

    def test_a_project_is_full_at_its_bound(
        self, client: Any, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bounds, "MAX_PAGES", 2)
        page_make(project, "/a")
        answer = import_json(client, project, page_body("/b"), page_body("/c"))
        assert answer.status_code == 400
        assert Page.objects.count() == 1
        assert counts(import_json(client, project, page_body("/a"), page_body("/b")))[1] == 1

    def test_pages_count_to_what_the_projects_owner_has_stored(
        self, project: Project, settings: Any
    ) -> None:
        settings.USER_STORED_ROWS = 10
        client = client_of(member_make(project, "editor"))
        assert counts(import_json(client, project, page_body("/a")))[1] == 1
        answer = import_json(client, project, page_body("/b"), page_body("/c"))
        assert answer.status_code == 409
        error = answer.json()["error"]
        assert error["code"] == "QUOTA_REACHED"
        assert (error["details"]["used"], error["details"]["needed"]) == (9, 2)
        assert counts(import_json(client, project, page_body("/a", title="x")))[2] == 1

    def test_one_import_at_a_time(self, client: Any, project: Project) -> None:
        with one_at_a_time(project.created_by.pk, "import"):
            assert import_json(client, project, page_body()).status_code == 429
        assert import_json(client, project, page_body()).status_code == 201


def test_a_key_gives_the_first_answer_again(client: Any, project: Project) -> None:
    text = f"{HEAD}\nproduct,/a\n"
    headers = {"Idempotency-Key": "k"}
    url = import_url(project)
    first = client.post(url, text, content_type="text/csv", headers=headers)
    again = client.post(url, text, content_type="text/csv", headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    other = client.post(url, f"{text}brand,/b\n", content_type="text/csv", headers=headers)
    assert other.json()["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert Page.objects.count() == 1


def test_nothing_stays_of_an_import_that_breaks(
    client: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_make(project, "/a", title="Old")
    monkeypatch.setattr(bulk, "_UPDATE", "UPDATE nowhere SET x = 1")
    answer = import_json(client, project, page_body("/a", title="New"), page_body("/b"))
    assert answer.status_code == 500
    assert list(Page.objects.values_list("title", flat=True)) == ["Old"]


def test_another_media_type_is_refused(client: Any, project: Project) -> None:
    answer = client.post(import_url(project), b"<x/>", content_type="application/xml")
    assert answer.status_code == 415


def exported_content(**component: Any) -> dict[str, Any]:
    """Content as an export has it."""
    return {
        "metaTitle": "Seile",
        "metaDescription": "",
        "components": [
            {"type": "faq", "heading": "A", "markdown": "A *b*", "html": "", **component}
        ],
        "keywordCoverage": 0.25,
        "quality": {"score": 90, "defects": [{"kind": "x"}]},
        "reviewStatus": "approved",
        "reviewNote": "Good.",
        "generatedAt": "2026-11-26T06:00:00Z",
    }
