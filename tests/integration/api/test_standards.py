"""HTTP as its standards have it: what may be written in several ways is taken in all of them."""

import json
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.api.strict_json import JSONRefused, strict_loads
from epics.models import Project
from tests.factories import client_of, project_make, user_make
from tests.integration.api.test_permissions import ids_of, routes_known

pytestmark = pytest.mark.django_db

PROJECTS = "/api/v1/projects"
NEW = json.dumps({"name": "Tides"})


def token(user: User | None = None) -> AccessToken:
    return AccessToken.for_user(user or user_make())


def read(authorization: str) -> Any:
    return Client().get(PROJECTS, headers={"authorization": authorization})


def whole(answer: Any) -> Any:
    """The answer, read to its end where it is a stream."""
    if answer.streaming:
        b"".join(answer.streaming_content)
    return answer


# Sign-in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER  {}", " bEaReR\t{} "])
def test_the_scheme_of_a_token_has_any_case_and_any_white_space(form: str) -> None:
    assert read(form.format(token())).status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "bearer a b", "bearer nonsense", "Basic YTpi", "x"])
def test_what_is_no_token_is_refused_with_how_to_sign_in(header: str) -> None:
    answer = read(header)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize(("late_s", "status"), [(20, 200), (40, 401)])
def test_clocks_may_differ_by_30_s(late_s: int, status: int) -> None:
    old = token()
    old.set_exp(from_time=now(), lifetime=timedelta(seconds=-late_s))
    assert read(f"Bearer {old}").status_code == status
    early = token()
    early.set_iat(at_time=now() + timedelta(seconds=late_s))
    assert read(f"Bearer {early}").status_code == status


# What is wanted back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "*",
        "application/*",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "text/html, application/xhtml+xml, */*;q=0.8",
        "text/html;q=1, application/json;q=0.001",
        "text/html, image/gif, *; q=.2, */*; q=.2",
        "application/json;q=nonsense",
        ",;/,",
        "text/plain;q=0, */*",
    ],
)
def test_json_goes_to_whoever_takes_it(accept: str) -> None:
    answer = client_of(user_make()).get(PROJECTS, headers={"accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "*/*, application/json;q=0.0", "text/*;q=1"]
)
def test_who_does_not_take_json_is_told(accept: str) -> None:
    answer = client_of(user_make()).get(PROJECTS, headers={"accept": accept})
    assert (answer.status_code, answer.json()["error"]["code"]) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/vnd.oai.openapi+json"),
        ("*/*", "application/vnd.oai.openapi+json"),
        ("text/html, */*;q=0.8", "application/vnd.oai.openapi+json"),
        ("application/json", "application/json"),
        ("application/json, */*;q=0.1", "application/json"),
        ("application/vnd.oai.openapi+json;version=3.1", "application/vnd.oai.openapi+json"),
        ("application/yaml", "application/yaml"),
        ("application/json;q=0.5, application/yaml", "application/yaml"),
        ("Text/YAML", "text/yaml"),
        ("application/x-yaml", "application/x-yaml"),
        ("application/vnd.oai.openapi", "application/vnd.oai.openapi"),
    ],
)
def test_the_schema_comes_as_json_or_yaml(accept: str, media_type: str) -> None:
    answer = Client().get("/api/schema", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer["Content-Type"].partition(";")[0] == media_type
    text = answer.content
    # libyaml's loader, as this is half a megabyte.
    read = json.loads(text) if "json" in media_type else yaml.load(text, Loader=yaml.CSafeLoader)
    assert read["openapi"].startswith("3.1")


# Addresses ----------------------------------------------------------------------------------------


def test_ids_in_addresses_have_any_case() -> None:
    client = client_of(user_make(is_staff=True))
    tried = 0
    for method, path in routes_known():
        if method == "GET" and path.startswith("/api/") and "{" in path:
            ids = ids_of((method, path), project_make(stories=1))
            upper = path.format(**{name: str(each).upper() for name, each in ids.items()})
            assert whole(client.get(upper)).status_code == 200, path
            tried += 1
    assert tried > 10


def test_an_id_without_hyphens_is_none() -> None:
    project = project_make(user := user_make())
    assert client_of(user).get(f"{PROJECTS}/{project.pk.hex}").status_code == 404


@pytest.mark.parametrize("path", [f"{PROJECTS}/", "/api/v1/queue/status/", "/api/schema/"])
def test_a_slash_at_the_end_is_said_to_be_one_too_many(path: str) -> None:
    answer = client_of(user_make()).get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert f"without the slash at its end: {path[:-1]}" in answer.json()["error"]["message"]


def test_a_percent_encoded_address_is_the_same() -> None:
    assert client_of(user_make()).get("/api/v1/%70rojects").status_code == 200


# Methods ------------------------------------------------------------------------------------------


def test_every_get_has_a_head_and_options() -> None:
    client = client_of(user_make(is_staff=True))
    for method, path in routes_known():
        if method == "GET" and path.startswith("/api/v1/"):
            address = path.format(**ids_of((method, path), project_make(stories=1)))
            assert whole(client.head(address)).status_code == 200, path
            options = client.options(address)
            assert (options.status_code, options["Allow"].split(", ")[0]) == (200, "GET"), path
            assert options.json()["error"] is None, path


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_changes_the_method(header: str) -> None:
    project = project_make(user := user_make())
    client, path = client_of(user), f"{PROJECTS}/{project.pk}"
    assert client.get(path, headers={header: "DELETE"}).status_code == 200
    assert client.post(path, {"_method": "DELETE"}, headers={header: "DELETE"}).status_code == 405
    assert Project.objects.filter(pk=project.pk).exists()


# Bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=UTF-8",
        'application/json;charset="utf-8"',
        "APPLICATION/JSON ; CHARSET=Utf-8",
        "application/json; charset=utf8",
        "application/json; profile=x",
        "application/vnd.api+json",
        "application/merge-patch+json; charset=utf-8",
    ],
)
def test_json_may_be_called_in_several_ways(content_type: str) -> None:
    answer = client_of(user_make()).post(PROJECTS, NEW, content_type=content_type)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/jsonx",
        "image/svg+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
    ],
)
def test_what_is_not_called_json_is_refused(content_type: str) -> None:
    answer = client_of(user_make()).post(PROJECTS, NEW, content_type=content_type)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate, gzip"])
def test_a_compressed_body_is_refused_in_words(coding: str) -> None:
    answer = client_of(user_make()).post(
        PROJECTS, NEW, content_type="application/json", headers={"content-encoding": coding}
    )
    assert answer.status_code == 415
    assert "Send the body uncompressed" in answer.json()["error"]["message"]


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_a_body_that_is_said_to_be_plain_is_taken(coding: str) -> None:
    answer = client_of(user_make()).post(
        PROJECTS, NEW, content_type="application/json", headers={"content-encoding": coding}
    )
    assert answer.status_code == 201


def test_a_byte_order_mark_before_the_json_is_passed_over() -> None:
    body = b"\xef\xbb\xbf" + NEW.encode()
    answer = client_of(user_make()).post(PROJECTS, body, content_type="application/json")
    assert answer.status_code == 201
    assert strict_loads(b'\xef\xbb\xbf{"a": "\xef\xbb\xbf"}') == {"a": "\ufeff"}
    with pytest.raises(JSONRefused, match="empty"):
        strict_loads(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_no_body_at_all_is_an_empty_one_whatever_it_is_called(content_type: str) -> None:
    answer = client_of(user_make()).post(PROJECTS, b"", content_type=content_type)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["name"])


# Parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["+5", " 5", "5.0", "1e1", "0x5", "\u0665", "", "-1", "9" * 400])
def test_a_number_in_a_query_is_written_in_digits(text: str) -> None:
    answer = client_of(user_make()).get(PROJECTS, {"limit": text})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["limit"])
