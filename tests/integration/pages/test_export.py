"""Export of a project's pages."""

import csv
import io
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.pages.models import Page
from epics.models import Project
from tests.factories import client_of, project_make
from tests.integration.pages.world import page_make, page_write

pytestmark = pytest.mark.django_db

API = "/api/v1"


@pytest.fixture
def project() -> Project:
    """Three pages, two with content."""
    project = project_make()
    voice = {"tone": "Dry.", "do": [], "dont": [], "bannedWords": ["x"], "sample": ""}
    full = page_make(
        project,
        "https://shop.example/seile?größe=8",
        title="=Seile <b>&",
        keywords=["Seil", "-10%"],
        language="German",
        brand_voice=voice,
        components=["faq"],
        facts={"Größe": [1, None, {"a": "</script>"}]},
        sku_count=0,
        monthly_searches=1200,
        deadline="2026-12-01T10:00:00Z",
        priority=0,
    )
    page_write(full, review_status="rejected", review_note="No.")
    page_make(project, "/bare")
    page_write(page_make(project, "/edited"), generated_at=None, edited_at="2026-11-26T06:00:00Z")
    return project


def export(project: Project, query: str = "") -> bytes:
    answer = client_of(project.created_by).get(f"{API}/projects/{project.pk}/pages/export{query}")
    assert answer.status_code == 200, answer.content
    body = b"".join(answer)
    assert len(body) == int(answer["Content-Length"])
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    return body


def test_json_imports_again_unchanged(project: Project) -> None:
    exported = export(project)
    other = project_make(project.created_by)
    url = f"{API}/projects/{other.pk}/pages/import"
    client = client_of(project.created_by)
    answer = client.post(url, exported, content_type="application/json")
    assert answer.json()["data"]["created"] == 3
    assert export(other) == exported
    answer = client.post(url, exported, content_type="application/json")
    assert answer.json()["data"]["unchanged"] == 3
    assert export(other) == exported
    assert set(Page.objects.filter(project=other).values_list("run_id", "version")) == {(None, 1)}


def test_csv_is_safe_and_imports_again(project: Project) -> None:
    raw = export(project, "?format=csv")
    assert raw.startswith("\ufeff".encode())
    assert export(project, "?format=csv&bom=false") == raw.removeprefix("\ufeff".encode())
    first, bare, _ = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert (first["Title"], first["Keywords"]) == ("'=Seile <b>&", "Seil\n-10%")
    assert (first["SKU count"], first["Priority"], first["Review"]) == ("0", "0", "rejected")
    assert "## Seile\n\nEin **Seil** hält." in first["Content"]
    assert (bare["Content"], bare["Review"], bare["SKU count"]) == ("", "", "")
    client = client_of(project.created_by)
    url = f"{API}/projects/{project.pk}/pages/import"
    answer = client.post(url, raw, content_type="text/csv")
    assert answer.json()["data"]["unchanged"] == 3


class _Tags(HTMLParser):
    """Which tags there are, in which order, and whether each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_one_document_of_what_is_written(project: Project) -> None:
    text = export(project, "?format=html").decode()
    tags = _Tags()
    tags.feed(text)
    assert (tags.open, tags.tags.count("article"), tags.tags.count("h1")) == ([], 2, 2)
    assert "script" not in tags.tags
    assert "<h1>=Seile &lt;b&gt;&amp;</h1>" in text
    assert "<p>Ein <strong>Seil</strong> hält.</p>" in text
    assert "/bare" not in text


def test_markdown_is_one_document_of_what_is_written(project: Project) -> None:
    text = export(project, "?format=markdown").decode()
    assert text.count("\n## Seile\n") == 2
    assert text.startswith("# \\=Seile \\<b\\>\\&\n\nURL: https://shop.example/seile?größe=8")
    assert "/bare" not in text


def test_an_empty_project_has_empty_files() -> None:
    project = project_make()
    assert export(project) == b'{\n "pages": [\n ]\n}\n'
    assert export(project, "?format=csv&bom=false").count(b"\n") == 1
    assert export(project, "?format=markdown") == b""


@pytest.mark.parametrize("query", ["?format=xml", "?format=json&bom=true", "?pages=1"])
def test_what_is_no_format_is_refused(project: Project, query: str) -> None:
    answer = client_of(project.created_by).get(f"{API}/projects/{project.pk}/pages/export{query}")
    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["json", "csv", "html", "markdown"])
def test_an_export_takes_as_many_queries_whatever_is_there(project: Project, name: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            export(project, f"?format={name}")
        return len(captured)

    queries()
    few = queries()
    for number in range(150):
        page_make(project, f"/{number}")
    assert queries() == few
