"""A content team's way: pages and their run in one request, followed job by job."""

import pytest

from tests.acceptance.fleet import Fleet, wait_for
from tests.conftest import Simulator
from tests.factories import client_of, project_make
from tests.integration.pages.world import page_body

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

API = "/api/v1"
TYPES = ("product", "category", "brand", "inspire", "engage")


def test_each_job_ends_with_its_pages_content(fleet: Fleet, provider: Simulator) -> None:
    project = project_make(epics=0)
    client = client_of(project.created_by)
    fleet.start("w1")
    pages = [
        page_body(
            f"/{name}", pageType=name, title="Ropes", keywords=["rope"], facts={"length": "20 m"}
        )
        for name in TYPES
    ]
    body = {"projectId": str(project.pk), "pages": pages, "pacingProfile": "adaptive"}
    batch = client.post(f"{API}/generation/batch", body, format="json").json()["data"]
    address = f"{API}/generation/batch/{batch['batchId']}"
    wait_for(
        lambda: client.get(address).json()["data"]["status"] == "succeeded", "the batch is done"
    )
    told = client.get(address).json()["data"]
    assert [told[name] for name in ("total", "completed", "percentComplete")] == [5, 5, 100.0]
    jobs = [client.get(f"{API}/generation/jobs/{each}").json()["data"] for each in batch["jobIds"]]
    for job in jobs:
        page = client.get(f"{API}/pages/{job['pageId']}").json()["data"]
        assert (job["status"], job["progress"]) == ("completed", 100)
        assert job["result"] == page["content"]
        assert page["content"]["runId"] == batch["batchId"]
        assert page["content"]["reviewStatus"] == "draft"
        assert page["metadata"]["contentStatus"] == "current"
        assert len(page["content"]["components"]) > 3
    exported = b"".join(client.get(f"{API}/projects/{project.pk}/pages/export"))
    other = project_make(project.created_by, epics=0)
    url = f"{API}/projects/{other.pk}/pages"
    imported = client.post(f"{url}/import", exported, content_type="application/json")
    assert imported.json()["data"]["created"] == 5
    assert b"".join(client.get(f"{url}/export")) == exported
