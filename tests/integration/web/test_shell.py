"""The way in and out, what every page has around it, and how refusals read."""

import gzip
import re
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.urls import path
from pytest_django.fixtures import Settings

from batchgen.http.security_headers import PAGES_POLICY
from batchgen.local.local_dir import ROOT
from batchgen.urls import urlpatterns as all_of_them
from tests.factories import client_of, user_make
from tests.integration.web.looking import assert_clean, browser
from web.page import page

pytestmark = pytest.mark.django_db


def sign_in(client: Client, name: str, password: str, **more: str) -> Any:
    return client.post("/sign-in/", {"username": name, "password": password, **more})


# In and out -------------------------------------------------------------------------------------


def test_the_entrance_leads_to_the_sign_in_and_back() -> None:
    user_make("ada")
    client = browser()
    assert client.get("/").headers["Location"] == "/sign-in/?next=/"
    asked = client.get("/sign-in/?next=/theme/")
    assert 'name="next" value="/theme/"' in asked.text
    assert sign_in(client, "ada", "secret", next="/theme/").headers["Location"] == "/theme/"


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere(to: str) -> None:
    user_make("ada")
    for answer in (
        sign_in(browser(), "ada", "secret", next=to),
        browser().post("/theme/", {"theme": "dark", "next": to}),
    ):
        assert answer.headers["Location"] == "/projects/"


def test_wrong_tries_run_out_for_the_page_and_the_api_together(settings: Settings) -> None:
    settings.SIGN_IN_TRIES = 3
    user_make("ada")
    client = browser()
    for _ in range(2):
        answer = sign_in(client, "ada", "wrong")
        assert (answer.status_code, answer.text.count('role="alert"')) == (200, 1)
    body = {"username": "ada", "password": "wrong"}
    assert client_of(None).post("/api/v1/auth/token", body).status_code == 401
    refused = sign_in(client, "ada", "secret")
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "Too many wrong tries" in refused.text


def test_a_password_is_not_hashed_at_any_length(settings: Settings) -> None:
    user_make("ada")
    with patch("django.contrib.auth.backends.ModelBackend.authenticate") as looked:
        answer = sign_in(browser(), "ada", "x" * 1025)
    assert answer.status_code == 200
    assert not looked.called


def test_signing_out_ends_the_session_and_needs_a_post() -> None:
    client = browser(user_make())
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert "You are signed out." in client.get("/sign-in/").text
    assert client.get("/").headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("address", ["/sign-in/", "/sign-out/", "/theme/"])
def test_forms_of_other_sites_change_nothing(address: str) -> None:
    answer = browser(user_make(), enforce_csrf_checks=True).post(address, {})
    assert answer.status_code == 403
    assert "This form is out of date" in answer.text


def test_a_part_of_a_page_leads_the_whole_page_to_the_sign_in() -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/runs/?type=EXPORT"}
    answer = browser().get("/", headers=headers)
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/sign-in/?next=/runs/%3Ftype%3DEXPORT"


# The shell --------------------------------------------------------------------------------------


def test_a_page_has_what_every_page_has() -> None:
    answer = browser().get("/sign-in/")
    assert answer["Content-Security-Policy"] == PAGES_POLICY
    assert answer["X-Frame-Options"] == "DENY"
    assert "no-store" in answer["Cache-Control"]
    assert_clean(answer.text)
    for part in ('lang="en"', 'href="#main"', '<main id="main"', 'role="status"'):
        assert part in answer.text


def test_a_theme_is_kept_for_this_browser() -> None:
    client = browser()
    assert 'data-theme="auto"' in client.get("/sign-in/").text
    client.post("/theme/", {"theme": "dark"})
    assert 'data-theme="dark"' in client.get("/sign-in/").text
    client.post("/theme/", {"theme": '"><script>'})
    assert 'data-theme="dark"' in client.get("/sign-in/").text


def test_an_address_without_its_slash_leads_to_the_page() -> None:
    assert browser().get("/sign-in").headers["Location"] == "/sign-in/"
    assert browser().get("/api/v1/projects/").status_code == 404


def test_all_that_pages_load_is_there(client: Client) -> None:
    found = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', browser().get("/sign-in/").text))
    assert len(found) >= 5
    for address in found:
        answer = client.get(address)
        assert answer.status_code == 200, address
        answer.close()


def test_static_files_are_collected(settings: Settings, tmp_path: Any) -> None:
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", "--no-input", verbosity=0)
    assert (tmp_path / "web" / "app.css").is_file()


# Refusals ---------------------------------------------------------------------------------------


@page("GET", signed_in=False)
def failing(request: Any) -> Any:
    if "away" in request.GET:
        raise OperationalError
    raise ZeroDivisionError("a secret of the inside")


urlpatterns = [path("failing/", failing), *all_of_them]
handler404 = "batchgen.api.error_envelope.not_found"


def test_there_is_a_page_for_what_is_not_there() -> None:
    answer = browser(user_make("<b>ada</b>")).get("/nothing/at/all/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "&lt;b&gt;ada" in answer.text
    assert_clean(answer.text)


@pytest.mark.urls(__name__)
def test_a_fault_of_ours_is_told_without_its_inside() -> None:
    answer = browser(user_make()).get("/failing/")
    assert answer.status_code == 500
    assert "The log has it as" in answer.text
    assert "secret" not in answer.text
    answer = browser(user_make()).get("/failing/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Retarget"]) == (500, "#toasts")
    assert answer.text.startswith('<div class="toast error">')


@pytest.mark.urls(__name__)
def test_a_database_that_is_away_is_told_without_asking_it() -> None:
    client = browser(user_make())
    with patch("django.contrib.auth.get_user", side_effect=OperationalError):
        answer = client.get("/failing/?away=")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "A service that batchgen needs is away" in answer.text


def test_pages_count_as_requests_of_the_api(settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE = 2
    client = browser(user_make())
    assert [client.get("/").status_code for _ in range(3)] == [302, 302, 429]


# Budgets ----------------------------------------------------------------------------------------


def gzipped(*paths: str) -> int:
    return sum(len(gzip.compress((ROOT / "web/static/web" / path).read_bytes())) for path in paths)


def test_what_a_page_loads_is_small() -> None:
    [htmx] = (ROOT / "web/static/web/vendor").glob("htmx-*.js")
    assert gzipped(f"vendor/{htmx.name}", "app.js", "run-live.js") <= 20_000
    assert gzipped("app.css") <= 10_000


def test_a_page_is_compressed_for_who_takes_that() -> None:
    client = browser(user_make())
    answer = client.get("/projects/", headers={"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content).startswith(b"<!DOCTYPE html>")
    assert "Content-Encoding" not in client.get("/projects/")


def test_what_is_vendored_is_what_the_pages_load_and_has_its_licence() -> None:
    vendored = {path.name for path in (ROOT / "web/static/web/vendor").glob("*.js")}
    page = browser().get("/sign-in/").text
    assert all(f"/static/web/vendor/{name}" in page for name in vendored)
    for name in vendored:
        assert (ROOT / "web/static/web/vendor" / f"{name.partition('-')[0]}.LICENSE").is_file()
