"""Uploads over REST."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from batchgen.api.idempotency import HEADER, REPLAYED
from batchgen.http.throttle import one_at_a_time
from epics import bounds
from epics.models import Card, Membership, Project, Upload
from tests.factories import client_of, member_make, project_make
from tests.unit.epics.hostile_files import Hostile, all_of
from tests.unit.epics.office_files import docx_file, pdf_file, xlsx_file

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1"
STATUS = {
    "EXPANDS_TOO_FAR": 413, "TOO_MANY_CHARACTERS": 413, "TOO_MANY_PAGES": 413,
    "TOO_MANY_CELLS": 413, "TOO_COMPLEX": 413, "WRONG_TYPE": 415, "MACROS": 415,
}  # fmt: skip
CODES = {400: "VALIDATION_ERROR", 413: "PAYLOAD_TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE"}


def path_of(project: Project) -> str:
    return f"{API}/projects/{project.pk}/uploads"


def post(project: Project, form: Any, **headers: str) -> Any:
    body = encode_multipart(BOUNDARY, form)
    client = client_of(project.created_by)
    return client.post(path_of(project), body, content_type=MULTIPART_CONTENT, headers=headers)


def send(project: Project, raw: bytes, name: str = "notes.txt", **headers: str) -> Any:
    return post(project, {"file": SimpleUploadedFile(name, raw)}, **headers)


def one_of_a_kind() -> list[Hostile]:
    found: dict[str, Hostile] = {}
    for hostile in all_of():
        if not hostile.may_be_read:
            found.setdefault(hostile.kind, hostile)
    return list(found.values())


class TestCreate:
    @pytest.mark.parametrize(
        ("raw", "name", "media_type"),
        [
            (b"Ann: I want more.", "notes.txt", "text/plain"),
            (b"# Notes\n\nAnn: more", "notes.md", "text/markdown"),
            (b"who,what\nAnn,more\n", "notes.csv", "text/csv"),
            (docx_file("Ann: more"), "notes.docx", "wordprocessingml.document"),
            (xlsx_file(["who", "what"], ["Ann", "more"]), "notes.xlsx", "spreadsheetml.sheet"),
            (pdf_file("Ann: more"), "notes.pdf", "application/pdf"),
        ],
    )
    def test_a_file_of_each_type(self, raw: bytes, name: str, media_type: str) -> None:
        project = project_make()
        answer = send(project, raw, name)
        assert answer.status_code == 201, answer.content
        data = answer.json()["data"]
        stored = Upload.objects.get()
        assert "more" in stored.text
        assert data.pop("mediaType").endswith(media_type)
        assert data.pop("createdAt").endswith("Z")
        assert data == {
            "id": str(stored.pk), "projectId": str(project.pk), "name": name, "bytes": len(raw),
            "characters": len(stored.text), "cardCount": 0, "status": "NEW", "error": None,
        }  # fmt: skip

    def test_a_text(self) -> None:
        project = project_make()
        body = {"name": "Call with Ann", "text": "Ann: I want\r\nmore.\n"}
        answer = client_of(project.created_by).post(path_of(project), body, format="json")
        assert answer.status_code == 201
        assert Upload.objects.get().text == "Ann: I want\nmore."
        assert Upload.objects.get().created_by == project.created_by

    def test_two_megabytes_of_text(self) -> None:
        project = project_make()
        text = "Ann said that she wants more. " * 70_000
        body = {"name": "long", "text": text}
        answer = client_of(project.created_by).post(path_of(project), body, format="json")
        assert answer.json()["data"]["characters"] == len(text.strip())

    @pytest.mark.parametrize("hostile", one_of_a_kind(), ids=lambda hostile: hostile.kind)
    def test_what_is_refused_says_why_and_stores_nothing(
        self, hostile: Hostile, settings: Settings
    ) -> None:
        settings.UPLOAD_READ_S = 5
        project = project_make()
        answer = send(project, hostile.raw, hostile.name)
        error = answer.json()["error"]
        reason = error["details"].get("reason")
        if reason is None:  # a name that no form can have
            assert (answer.status_code, error["details"].keys()) == (400, {"file"})
        else:
            assert reason in {str(each.value) for each in hostile.reasons} | {"TOO_COMPLEX"}
            assert answer.status_code == STATUS.get(reason, 400)
            assert error["message"].endswith(".")
        assert error["code"] == CODES[answer.status_code]
        assert not Upload.objects.exists()

    @pytest.mark.parametrize(
        "form",
        [
            {},
            {"file": "a field"},
            {"other": SimpleUploadedFile("a.txt", b"a")},
            {"file": SimpleUploadedFile("a.txt", b"a"), "name": "more"},
            {"file": [SimpleUploadedFile("a.txt", b"a"), SimpleUploadedFile("b.txt", b"b")]},
        ],
    )
    def test_a_form_has_one_file(self, form: Any) -> None:
        project = project_make()
        answer = post(project, form)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
        assert list(error["details"]) == ["file"]

    def test_a_broken_form(self) -> None:
        project = project_make()
        for kind, body in (
            ("multipart/form-data", b"x"),
            ("multipart/form-data; boundary=b", b"--b\r\nnothing"),
            ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n--b--"),
        ):
            answer = client_of(project.created_by).post(path_of(project), body, content_type=kind)
            assert answer.status_code == 400, kind

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"text": "a"}, "name"),
            ([{"name": "a", "text": "b"}], "nonFieldErrors"),
            ({"name": "a"}, "text"),
            ({"name": "a", "text": " \n"}, "text"),
            ({"name": "a", "text": "\u200b"}, "text"),
            ({"name": "a", "text": 7}, "text"),
            ({"name": "a" * 256, "text": "a"}, "name"),
            ({"name": "a", "text": "b", "status": "ANALYZED"}, "status"),
        ],
    )
    def test_a_text_is_checked(self, body: Any, field: str) -> None:
        project = project_make()
        answer = client_of(project.created_by).post(path_of(project), body, format="json")
        assert answer.status_code == 400
        assert field in answer.json()["error"]["details"]

    @pytest.mark.parametrize(
        ("given", "kept"), [("../../etc/passwd", "passwd"), ("a\u202eb.txt", "ab.txt")]
    )
    def test_a_name_leads_nowhere(self, given: str, kept: str) -> None:
        project = project_make()
        body = (
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="{given}"\r\n\r\n'
            "some words\r\n--b--\r\n"
        )
        answer = client_of(project.created_by).post(
            path_of(project), body.encode(), content_type="multipart/form-data; boundary=b"
        )
        assert answer.json()["data"]["name"] == kept

    def test_a_file_beyond_the_limit(self, settings: Settings) -> None:
        settings.UPLOAD_BYTES = 1_000
        project = project_make()
        assert send(project, b"a" * 1_000).status_code == 201
        answer = send(project, b"a" * 1_001)
        assert (answer.status_code, answer.json()["error"]["details"]) == (
            413,
            {"limitBytes": 1_000},
        )

    def test_one_at_a_time_of_a_user(self) -> None:
        project = project_make()
        with one_at_a_time(project.created_by.pk, "upload"):
            answer = send(project, b"some words")
        assert (answer.status_code, answer["Retry-After"]) == (429, "1")
        assert send(project, b"some words").status_code == 201

    def test_with_a_key_it_is_uploaded_once(self) -> None:
        project = project_make()
        first = send(project, b"some words", **{HEADER: "k"})
        again = send(project, b"some words", **{HEADER: "k"})
        assert (first.status_code, first.content) == (201, again.content)
        assert again[REPLAYED] == "true"
        assert send(project, b"other words", **{HEADER: "k"}).status_code == 409
        assert send(project, b"some words", "b.txt", **{HEADER: "k"}).status_code == 409
        assert Upload.objects.count() == 1

    def test_a_project_has_so_many_and_a_user_so_much(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project = project_make()
        settings.USER_UPLOAD_CHARACTERS = 25
        assert [send(project, b"ten words.").status_code for _ in range(3)] == [201, 201, 409]
        settings.USER_UPLOAD_CHARACTERS = 1_000
        monkeypatch.setattr(bounds, "MAX_UPLOADS", 2)
        assert send(project, b"ten words.").status_code == 400


class TestRead:
    def test_a_list_is_read_without_its_texts(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        project = project_make()
        for number in range(3):
            send(project, f"some words {number}".encode())
        viewer = client_of(member_make(project, Membership.Role.VIEWER))
        with django_assert_num_queries(3) as caught:
            answer = viewer.get(path_of(project))
        assert [upload["characters"] for upload in answer.json()["data"]] == [12, 12, 12]
        assert not any('"text"' in query["sql"] for query in caught.captured_queries)
        assert not any("::text" in query["sql"] for query in caught.captured_queries)

    def test_it_goes_and_its_cards_stay(self) -> None:
        project = project_make()
        data = send(project, b"some words").json()["data"]
        Card.objects.filter(code="C1").update(upload=data["id"], quote="some words")
        client = client_of(project.created_by)
        assert client.get(f"{API}/uploads/{data['id']}").json()["data"]["cardCount"] == 1
        assert client.delete(f"{API}/uploads/{data['id']}").status_code == 204
        assert client.get(f"{API}/uploads/{data['id']}").status_code == 404
        assert Card.objects.get(code="C1").quote == "some words"
