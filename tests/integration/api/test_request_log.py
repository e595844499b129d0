"""Every request leaves one line, with an id that the answer has too."""

import logging

import pytest

from tests.factories import client_of

pytestmark = pytest.mark.django_db


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "batchgen.access"]


def test_a_request_is_one_line_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    answer = client_of(None).get("/api/v1/runs?ticket=secret")
    (line,) = lines(caplog)
    assert line.getMessage().startswith("GET /api/v1/runs 401 in")
    assert "secret" not in str(vars(line))
    assert vars(line)["route"] == "api/v1/runs"
    assert len(answer["X-Request-ID"]) == 32


def test_an_id_from_the_proxy_is_kept() -> None:
    answer = client_of(None).get("/api/v1/runs", headers={"X-Request-ID": "proxy-1.a"})
    assert answer["X-Request-ID"] == "proxy-1.a"


@pytest.mark.parametrize("bad", ["a b", "x" * 65, "{}", "ä"])
def test_an_id_that_could_forge_a_line_is_not(bad: str) -> None:
    answer = client_of(None).get("/api/v1/runs", headers={"X-Request-ID": bad})
    assert answer["X-Request-ID"] != bad


def test_health_checks_are_quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client_of(None).get("/healthz")
    assert not lines(caplog)
