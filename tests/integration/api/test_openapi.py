"""The API describes itself."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator, ValidationError  # type: ignore[import-untyped]  # it ships no types

from batchgen.local.local_dir import ROOT
from tests.factories import client_of
from tests.integration.api.test_permissions import table

METHODS = {"get", "post", "patch", "put", "delete"}


@pytest.fixture(scope="module")
def document() -> Any:
    return client_of(None).get("/api/schema").json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_document_is_valid() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_the_document_that_is_checked_in_is_this_one(tmp_path: Path) -> None:
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", "--file", str(made))
    kept = ROOT / "docs" / "openapi.yaml"
    assert made.read_text() == kept.read_text(), "The API changed: run `make schema`."


def test_it_is_openapi_3_1_and_complete(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    for path in ("/api/v1/projects", "/api/v1/auth/token", "/api/v1/stories/{story_id}"):
        assert path in document["paths"]


def test_every_operation_is_described(document: Any) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert operation["tags"], path
        if not path.startswith("/api/"):
            continue
        assert {"401", "429", "500", "503"} <= set(operation["responses"]), path
        if method in {"post", "patch"}:
            assert {"400", "408", "413", "415"} <= set(operation["responses"]), path


def test_what_each_may_do_is_documented(document: Any) -> None:
    for (method, path), statuses in table().items():
        if path in document["paths"]:
            found = set(document["paths"][path][method.lower()]["responses"])
            assert {str(status) for status in statuses} <= found, (method, path)
            # Whoever may do a thing may lack the CSRF token of a session, or bring a token that
            # may not.
            assert ("403" in found) == (path.startswith("/api/v1/") and "/auth/" not in path), path


def test_every_error_has_its_code_and_an_example(document: Any) -> None:
    for name, answer in document["components"]["responses"].items():
        content = answer["content"]["application/json"]
        codes = content["schema"]["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"]
        assert set(content["examples"]) == set(codes), name
        for example in content["examples"].values():
            assert_fits(document, content["schema"], example["value"])
    for path, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            if path.startswith("/api/"):
                assert ("$ref" in answer) == (status >= "400"), path


def test_every_answer_has_an_example_that_fits(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for path, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            media = answer.get("content", {}).get("application/json", {})
            schema = media.get("schema")
            if schema and status < "300" and "x-no-envelope" not in operation:
                data = schema["properties"]["data"]
                name = data.get("items", data).get("$ref", "").rpartition("/")[2]
                assert "example" in media or schemas[name].get("examples"), path
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            assert_fits(document, schema, example)


def test_what_is_taken_fits(document: Any) -> None:
    schemas = document["components"]["schemas"]
    taken: list[tuple[str, dict[str, Any]]] = [
        ("EpicInputRequest", {"title": "Tides", "theme": "", "description": "One\ntwo"}),
        ("CardPatchRequest", {}),
        ("SignInInputRequest", {"username": "ada", "password": " "}),
    ]
    refused: list[tuple[str, dict[str, Any]]] = [
        ("EpicInputRequest", {"title": " "}),
        ("EpicInputRequest", {"title": "One\ntwo"}),
        ("EpicInputRequest", {"title": "Tides", "colour": "blue"}),
        ("CardPatchRequest", {"title": ""}),
        ("RunChangeInputRequest", {"version": 1}),
        ("SignInInputRequest", {"username": "\u0085", "password": "x"}),
    ]
    for name, body in taken:
        assert_fits(document, schemas[name], body)
    for name, body in refused:
        with pytest.raises(ValidationError):
            assert_fits(document, schemas[name], body)


def assert_fits(document: Any, schema: Any, value: Any) -> None:
    """The value is one that the schema describes."""
    whole = {**schema, "components": document["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(whole, format_checker=checker).validate(value)


def test_answers_are_described_as_envelopes(document: Any) -> None:
    for path, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            if schema and status < "300" and "x-no-envelope" not in operation:
                assert {"data", "error"} <= set(schema["properties"]), path
                is_list = schema["properties"]["data"].get("type") == "array"
                assert "page" in schema["properties"] or not is_list, path


def test_whatever_creates_heeds_the_idempotency_key(document: Any) -> None:
    for path, method, operation in operations(document):
        named = {parameter["name"] for parameter in operation.get("parameters", ())}
        creates = method == "post" and bool({"201", "202"} & set(operation["responses"]))
        if path.endswith("/stream-ticket"):
            creates = False  # good once: nobody gets the same one again
        assert ("Idempotency-Key" in named) == creates, path


@pytest.mark.django_db
def test_the_pages_load_nothing_from_elsewhere() -> None:
    answer = client_of(None).get("/api/docs")
    assert answer.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert loaded
    assert all(url.startswith(("/", "data:")) for url in loaded), loaded
    for url in loaded:
        if url.startswith("/static/"):
            asset = client_of(None).get(url)
            assert asset.status_code == 200, url
            asset.close()


def test_yaml_for_who_asks() -> None:
    answer = client_of(None).get("/api/schema", headers={"accept": "application/vnd.oai.openapi"})
    assert answer.text.startswith("openapi: 3.1")
