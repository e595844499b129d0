"""What is not valid is refused by name, and changes nothing; whatever else is stored as it came."""

import json
from itertools import cycle
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from batchgen.api.strict_json import JSONRefused, strict_loads
from batchgen.local.local_dir import ROOT
from epics.models import Project
from runs.engine.start import RunOptions, run_start
from tests.factories import (
    backlog_document,
    client_of,
    delivery_make,
    project_make,
    subtask_make,
    token_made,
    user_make,
    webhook_make,
)
from tests.integration.api.test_permissions import API, BODIES, Route, routes_known
from tests.integration.engine.test_card_runs import upload_make
from tests.integration.pages.world import page_make

pytestmark = pytest.mark.django_db

NASTY: list[str] = json.loads((ROOT / "tests" / "data" / "nasty_strings.json").read_text())
#: Of the API; a page answers what cannot be with its form.
WRITING = [
    (method, path)
    for method, path in routes_known()
    if method in {"POST", "PATCH"} and path.startswith("/api/")
]
OURS = ("batchgen", "epics", "pages", "runs", "webhooks", "auth", "token_blacklist")


class Place:
    """A project with one of everything, and how each route's address reads there."""

    def __init__(self) -> None:
        self.user = user_make(is_staff=True)
        user_make("new")
        self.project = project_make(self.user, stories=1)
        run = run_start(project=self.project, user=self.user, options=RunOptions())
        self.ids = {
            "invitation_id": self.project.memberships.get().pk,
            "model": settings.MODEL,
            "project_id": self.project.pk,
            "card_id": self.project.cards.all()[0].pk,
            "epic_id": self.project.epics.all()[0].pk,
            "story_id": self.project.stories.all()[0].pk,
            "subtask_id": subtask_make(self.project.stories.all()[0]).pk,
            "member_id": self.project.memberships.get().pk,
            "run_id": run.pk,
            "run_epic_id": run.items.all()[0].pk,
            "item_id": run.items.all()[0].pk,
            "page_id": page_make(self.project).pk,
            "upload_id": upload_make(self.project).pk,
        }
        delivery = delivery_make(webhook_make(self.project))
        self.ids |= {"webhook_id": delivery.hook_id, "delivery_id": delivery.message_id}
        self.ids["token_id"] = token_made(self.user)[0].pk
        self.client = client_of(self.user)
        tables = [
            model._meta.db_table
            for name in OURS
            for model in apps.get_app_config(name).get_models()
        ]
        self._books = " UNION ALL ".join(
            f"SELECT '{name}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t"  # noqa: S608 - names of our own tables
            for name in tables
        )

    def send(self, route: Route, body: bytes, key: str | None = None) -> Any:
        method, path = route
        send = getattr(self.client, method.lower())
        headers = {} if key is None else {"Idempotency-Key": key}
        address = path.format(**self.ids)
        return send(address, body, content_type="application/json", headers=headers)

    def books(self) -> list[Any]:
        """A fingerprint of all that is stored."""
        with connection.cursor() as cursor:
            cursor.execute(self._books)
            return list(cursor.fetchall())


# Bodies that are bad for every route ------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
#: No field of any body takes one of these.
_wrong = st.one_of(
    st.dictionaries(
        st.text(min_size=1, max_size=8).map("x".__add__), _json, min_size=1, max_size=2
    ),
    _json.map(lambda value: [[value]]),
    st.text(max_size=5).map(lambda text: f"{text}\0"),
    st.just("\ud800"),
    st.integers(min_value=2**63).map(lambda number: -number),
)
#: That of an upload's text does. Made when it is drawn, since hypothesis shows what was not.
_long = st.just(100_001).map("x".__mul__)


def _is_object(raw: bytes) -> bool:
    try:
        return not raw or isinstance(strict_loads(raw), dict)
    except JSONRefused:
        return False


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def bad_bodies(route: Route) -> st.SearchStrategy[bytes]:
    good = BODIES.get(route, dict)()
    others = [
        st.binary(max_size=40).filter(lambda raw: not _is_object(raw)),
        _json.filter(lambda value: not isinstance(value, dict)).map(_dumped),
        st.sampled_from(NASTY)
        .filter(lambda text: text not in good)
        .map(lambda text: _dumped({**good, text + "?": 1})),
        st.just(_dumped(good) + b","),
        st.integers(min_value=33, max_value=100_000).map(lambda deep: b"[" * deep + b"]" * deep),
    ]
    if good:
        wrong = _wrong if route[1].endswith("/uploads") else _wrong | _long
        replaced = st.tuples(st.sampled_from(sorted(good)), wrong)
        others += [replaced.map(lambda pair: _dumped({**good, pair[0]: pair[1]}))] * 3
    return st.one_of(others)


@examples(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def _try_all(place: Place, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(WRITING))
    body = data.draw(bad_bodies(route))
    key = data.draw(st.sampled_from([None, "k"]))
    before = place.books()
    answer = place.send(route, body, key)
    assert 400 <= answer.status_code < 500, (route, body[:500], answer.content[:500])
    envelope = answer.json()
    assert envelope["data"] is None
    assert set(envelope["error"]) == {"code", "message", "details"}
    assert place.books() == before, (route, body[:500])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_bad_bodies() -> None:
    _try_all(Place())


# Strings that have surprised programs before ------------------------------------------------------


def assert_kept_or_refused(answer: Any, sent: dict[str, Any]) -> None:
    assert answer.status_code in {200, 201, 400}, answer.content[:500]
    if answer.status_code < 400:
        data = answer.json()["data"]
        kept = {key: data[key] for key in sent}
        assert kept == {key: _stripped(value) for key, value in sent.items()}


def _stripped(value: Any) -> Any:
    return [text.strip() for text in value] if isinstance(value, list) else value.strip()


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        (("POST", f"{API}/projects"), ("name", "description", "context", "code")),
        (("POST", f"{API}/projects/{{project_id}}/cards"), ("title", "statement", "systems[]")),
        (
            ("POST", f"{API}/projects/{{project_id}}/epics"),
            ("title", "theme", "description", "acceptanceCriteria[]"),
        ),
        (("PATCH", f"{API}/subtasks/{{subtask_id}}"), ("title", "description")),
        (("PATCH", f"{API}/pages/{{page_id}}"), ("title", "keywords[]")),
        (("PATCH", f"{API}/stories/{{story_id}}"), ("title", "userStory", "acceptanceCriteria[]")),
    ],
)
def test_a_nasty_string_is_kept_as_it_is_or_refused(route: Route, fields: tuple[str, ...]) -> None:
    place = Place()
    good = BODIES[route]()
    for text, field in zip(NASTY * 2, cycle(fields), strict=False):
        name = field.removesuffix("[]")
        body = {**good, name: [text] if field != name else text}
        answer = place.send(route, _dumped(body))
        assert_kept_or_refused(answer, body)


def test_nasty_strings_as_parameters_and_keys() -> None:
    place = Place()
    project = f"{API}/projects/{place.project.pk}"
    for text in NASTY:
        for path, name in (
            (f"{API}/projects", "q"),
            (f"{project}/stories", "q"),
            (f"{project}/stories", "persona"),
            (f"{project}/stories", "epic"),
            (f"{project}/subtasks", "epic"),
            (f"{project}/subtasks", "story"),
            (f"{project}/cards", "cursor"),
            (f"{API}/runs", "project"),
            (f"{API}/runs/{place.ids['run_id']}/logs", "after"),
        ):
            if "\\ud" not in json.dumps(text) or text.isprintable():
                answer = place.client.get(path, {name: text.encode("utf-8", "replace").decode()})
                assert answer.status_code in {200, 400}, (path, name, text)


def test_nasty_names_and_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    place = Place()
    for text in NASTY:
        for body in ({"username": text, "password": "x"}, {"username": "new", "password": text}):
            answer = place.send(("POST", f"{API}/auth/token"), _dumped(body))
            assert answer.status_code in {400, 401, 429}
    assert User.objects.count() == 2
    assert Project.objects.count() == 1


def test_a_nasty_backlog() -> None:
    place = Place()
    for text in NASTY:
        document = backlog_document(stories=1)
        document["cards"][0]["statement"] = document["epics"][0]["description"] = text
        answer = place.send(("POST", f"{API}/projects/import"), _dumped(document))
        assert answer.status_code in {201, 400}, answer.content[:500]
