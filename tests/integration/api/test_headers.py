"""What browsers are told, and who of other origins is let in."""

import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from batchgen.http.security_headers import DATA_POLICY, PAGES_POLICY
from batchgen.local.local_dir import ROOT
from tests.factories import client_of, user_make

pytestmark = pytest.mark.django_db

OURS, OTHER = "https://app.example.com", "https://other.example.com"


def staff() -> Client:
    client = Client()
    client.force_login(user_make(is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("path", ["/api/docs", "/admin/", "/admin/epics/project/add/", "/nothing"])
def test_pages_run_nothing_that_is_written_into_them(path: str) -> None:
    answer = staff().get(path)
    assert answer["Content-Security-Policy"] == PAGES_POLICY
    assert "unsafe" not in PAGES_POLICY
    inline = re.findall(
        r"<script(?![^>]*\b(?:src|type=\"application/json\"))|<style|\son\w+=|style=", answer.text
    )
    assert not inline, path


def test_the_script_of_the_docs_is_a_file_of_its_own() -> None:
    client = client_of(None)
    [url] = re.findall(r'src="(/api/docs[^"]*)"', client.get("/api/docs").text)
    answer = client.get(url.replace("&amp;", "&"))
    assert answer["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle" in answer.text


@pytest.mark.parametrize("path", ["/api/v1/projects", "/api/v1/nothing", "/healthz"])
def test_data_may_do_nothing(path: str) -> None:
    answer = staff().get(path)
    assert answer["Content-Security-Policy"] == DATA_POLICY
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_no_cache_keeps_an_answer() -> None:
    for client in (staff(), client_of(None)):
        assert client.get("/api/v1/projects")["Cache-Control"] == "no-store"


# Other origins ----------------------------------------------------------------------------------


def preflight(origin: str, path: str = "/api/v1/projects") -> Any:
    return Client().options(
        path,
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type, idempotency-key",
        },
    )


def test_other_origins_are_shut_out_by_default() -> None:
    for answer in (preflight(OURS), staff().get("/api/v1/projects", headers={"origin": OURS})):
        assert "Access-Control-Allow-Origin" not in answer


def test_a_named_origin_may_call_the_api_with_a_token_and_no_session(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [OURS]
    answer = preflight(OURS)
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == OURS
    assert "idempotency-key" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer
    refused = client_of(None).get("/api/v1/projects", headers={"origin": OURS})
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, OURS)
    assert "Access-Control-Allow-Origin" not in preflight(OTHER)
    assert "Access-Control-Allow-Origin" not in preflight(OURS, "/admin/login/")


def test_a_web_process_limits_its_statements_and_no_other_does() -> None:
    told = "from django.db import connection as c; k = c.cursor(); "
    told += "k.execute('show statement_timeout'); print(k.fetchone()[0]); c.close_pool()"
    starts = {
        "30s": "import batchgen.asgi; ",
        "0": "import django; django.setup(); ",
    }
    for expected, start in starts.items():
        done = subprocess.run(
            [sys.executable, "-c", start + told],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "batchgen.settings"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected
