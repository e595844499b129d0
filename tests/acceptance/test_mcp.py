"""An assistant quotes, starts and reads a run over MCP, done by a real worker and the simulator."""

import os
import sys

import pytest
from mcp.client.stdio import StdioServerParameters

from batchgen.local.local_dir import ROOT
from runs.models import Run, RunAction
from tests.acceptance.fleet import Fleet, database_url, wait_until_ended
from tests.factories import project_make, user_make
from tests.integration.mcp.calling import Call, asked_of, data_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_from_quote_to_stories(fleet: Fleet) -> None:
    fleet.start("w1")
    user = user_make("ada")
    project = {"projectId": str(project_make(user).pk)}
    server = StdioServerParameters(
        command=sys.executable,
        args=["manage.py", "mcp", "--user", "ada", "--allow-actions"],
        env={**os.environ, "DATABASE_URL": database_url(), "BATCHGEN_PROVIDER_NAME": "simulator"},
        cwd=str(ROOT),
    )
    body = {**project, "type": "GENERATE_ALL_STORIES", "pacingProfile": "adaptive"}
    calls: list[Call] = [("quote", body), ("run_start", body)]
    quoted, started = asked_of(server, *calls)
    assert data_of(quoted)["lanes"]
    run = Run.objects.get(pk=data_of(started)["runId"])
    wait_until_ended(run)
    of_run = {"runId": str(run.pk)}
    ended, failed, stories = asked_of(
        server,
        ("run_read", of_run),
        ("run_errors", of_run),
        ("stories_list", {**project, "contents": True, "limit": 50}),
    )
    assert data_of(ended)["status"] == "SUCCEEDED"
    assert data_of(ended)["health"]["verdict"] == "ended"
    assert data_of(failed) == []
    assert len(data_of(stories)) == data_of(ended)["created"] > 0
    assert all(story["userStory"] for story in data_of(stories))
    assert RunAction.objects.filter(run=run, kind="start", actor="ada").exists()
