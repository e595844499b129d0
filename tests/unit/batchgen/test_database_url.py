"""DATABASE_URL means what libpq says, and what cannot be served is refused in words."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from batchgen.db.postgresql.session import local_settings, settings_of
from batchgen.db.postgresql.url import database


def read(url: str, *, pooled: bool = False) -> dict[str, Any]:
    return database(url, pooled=pooled, pool_size=2)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://me:p%40ss%2F1@db.example:5433/app",
            {
                "USER": "me",
                "PASSWORD": "p@ss/1",
                "HOST": "db.example",
                "PORT": "5433",
                "NAME": "app",
            },
        ),
        ("postgres://me@%2Fvar%2FRun/app", {"HOST": "/var/Run", "PORT": "", "NAME": "app"}),
        ("postgresql://me@h1:1,h2:2/app", {"HOST": "h1,h2", "PORT": "1,2"}),
        ("postgresql://me@h1,[fe80::ab]:5433/app", {"HOST": "h1,fe80::ab", "PORT": ",5433"}),
        ("postgresql://me@h", {"NAME": "me"}),
        ("postgresql:///?service=prod", {"NAME": ""}),
        ("host=h1,h2 dbname=app user=me", {"HOST": "h1,h2", "NAME": "app", "USER": "me"}),
    ],
)
def test_an_address(url: str, expected: dict[str, str]) -> None:
    assert read(url).items() >= expected.items()


def test_parameters_reach_libpq() -> None:
    options = read(
        "postgresql://me@h1,h2/app?target_session_attrs=read-write&sslmode=verify-full"
        "&connect_timeout=9&options=-c%20search_path%3Dapp"
    )["OPTIONS"]
    assert options["target_session_attrs"] == "read-write"
    assert options["sslmode"] == "verify-full"
    assert options["connect_timeout"] == "9"
    assert settings_of(options["options"])["search_path"] == "app"


def test_a_network_that_drops_packets_is_noticed_unless_told_otherwise() -> None:
    usual = read("postgresql://me@h/app")["OPTIONS"]
    assert (usual["tcp_user_timeout"], usual["keepalives_idle"]) == (5000, 5)
    told = read("postgresql://me@h/app?tcp_user_timeout=0&keepalives_idle=60")["OPTIONS"]
    assert (told["tcp_user_timeout"], told["keepalives_idle"]) == ("0", "60")


def test_the_server_notices_a_host_that_is_gone_unless_told_otherwise() -> None:
    usual = settings_of(read("postgresql://me@h/app")["OPTIONS"]["options"])
    assert (usual["tcp_user_timeout"], usual["tcp_keepalives_idle"]) == ("5000", "5")
    url = "postgresql://me@h/app?options=-c%20tcp_keepalives_idle%3D60"
    told = settings_of(read(url)["OPTIONS"]["options"])
    assert (told["tcp_user_timeout"], told["tcp_keepalives_idle"]) == ("5000", "60")


def test_a_forms_encoding_of_options() -> None:
    url = "postgresql://me@h/app?options=-c+search_path%3Dapp+-c+work_mem%3D8MB"
    found = settings_of(read(url)["OPTIONS"]["options"])
    assert found.items() >= {"search_path": "app", "work_mem": "8MB"}.items()


def test_behind_a_pooler_options_become_settings_of_each_transaction() -> None:
    url = "postgresql://me@h/app?options=-c%20search_path%3Dapp,public%20--work_mem%3D8MB"
    found = read(url, pooled=True)
    assert "options" not in found["OPTIONS"]
    assert found["SESSION"].items() >= {"search_path": "app,public", "work_mem": "8MB"}.items()
    assert found["DISABLE_SERVER_SIDE_CURSORS"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-c a=1 -cb=2 --c=3", {"a": "1", "b": "2", "c": "3"}),
        (r"-c search_path=a,\ b", {"search_path": "a, b"}),
        ("-c x.y='a b'", {"x.y": "a b"}),
        ("-d 5 -c a;drop=1", {}),
    ],
)
def test_settings_in_options(options: str, expected: dict[str, str]) -> None:
    assert settings_of(options) == expected


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("sqlite:///db.sqlite3", "sqlite"),
        ("sqlite://:memory:", "sqlite"),
        ("mysql://me:s3cret@h/app", "mysql"),
        ("postgresql+psycopg://me:s3cret@h/app", "postgresql://"),
        ("db.example/app", "postgresql://"),
        ("postgresql://me:s3cret@x@h/app", "%40"),
        ("postgresql://me:s3cret/x@h/app", "percent-encoded"),
        ("postgresql://me:s3cret%zz@h/app", "percent-encoded"),
        ("postgresql://me:s3cret@h/app?nonsense=1", "parameters"),
        ("postgresql://me:12/s3cret@h/app", "%2F"),
        ("postgresql://h", "database"),
    ],
)
@pytest.mark.parametrize("pooled", [False, True])
def test_what_cannot_be_served_is_refused_in_words(url: str, word: str, pooled: bool) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(url, pooled=pooled)
    assert "DATABASE_URL" in str(refused.value)
    assert word in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("app,public", "'app', 'public'"),
        ('"$user", "Mine", Yours', "'$user', 'Mine', 'yours'"),
        ("it's", "'it''s'"),
    ],
)
def test_a_search_path_in_a_transaction_names_each_schema(path: str, expected: str) -> None:
    assert f"SET LOCAL search_path = {expected}" in local_settings({"search_path": path}, 160000)
