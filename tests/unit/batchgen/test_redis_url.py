"""What REDIS_URL may say, and what is refused with a hint."""

import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.redis.address import RedisAddress, RedisURLError, Tls
from batchgen.redis.url import parse

_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")


def _at(host: str = "localhost", port: int = 6379, **fields: object) -> RedisAddress:
    return RedisAddress(hosts=((host, port),), **fields)  # type: ignore[arg-type]  # as named


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", _at()),
        ("redis://cache", _at("cache")),
        ("REDIS://cache:6380/", _at("cache", 6380)),
        ("valkey://cache/3", _at("cache", db=3)),
        ("redis://cache?db=3", _at("cache", db=3)),
        ("redis://cache/3?db=3", _at("cache", db=3)),
        ("redis://[::1]:7000/2", _at("::1", 7000, db=2)),
        ("redis://:secret@cache", _at("cache", password="secret")),
        ("redis://ada:@cache", _at("cache", username="ada")),
        ("redis://ada:s:e@c+r~e@cache", _at("cache", username="ada", password="s:e@c+r~e")),
        ("redis://a%40b:%25%2F%23%3F@c", _at("c", username="a@b", password="%/#?")),
        ("redis://cache?username=ada&password=a%2Bb", _at("cache", username="ada", password="a+b")),
        ("redis://cache?protocol=2", _at("cache", protocol=2)),
        ("rediss://cache", _at("cache", tls=Tls())),
        ("valkeys://cache:1/1", _at("cache", 1, db=1, tls=Tls())),
        ("unix:///run/redis.sock", RedisAddress(socket="/run/redis.sock")),
        (
            "unix://ada:p%40ss@/run/a%20b.sock?db=2",
            RedisAddress(socket="/run/a b.sock", username="ada", password="p@ss", db=2),
        ),
        ("redis+socket:///run/r.sock?db=1", RedisAddress(socket="/run/r.sock", db=1)),
        (
            "redis+sentinel://a,b:1,[::1]:2/main/4",
            RedisAddress(hosts=(("a", 26379), ("b", 1), ("::1", 2)), service="main", db=4),
        ),
        (
            "rediss+sentinel://u:p@a/main?sentinel_username=s&sentinel_password=t",
            RedisAddress(
                hosts=(("a", 26379),),
                service="main",
                username="u",
                password="p",
                sentinel_username="s",
                sentinel_password="t",
                tls=Tls(),
            ),
        ),
    ],
)
def test_what_is_served(url: str, address: RedisAddress) -> None:
    assert parse(url) == address


def test_tls_as_the_parameters_say() -> None:
    url = (
        "rediss://c?ssl_cert_reqs=CERT_NONE&ssl_check_hostname=False&ssl_ca_certs=/a.pem"
        "&ssl_ca_path=/b&ssl_certfile=/c.pem&ssl_keyfile=/d.pem&ssl_password=%26"
        "&ssl_min_version=TLSv1.3"
    )
    assert parse(url).tls == Tls(
        verify=False,
        check_hostname=False,
        ca_file="/a.pem",
        ca_path="/b",
        cert_file="/c.pem",
        key_file="/d.pem",
        key_password="&",
        least_version=ssl.TLSVersion.TLSv1_3,
    )


def test_a_certificate_is_checked_unless_the_url_says_otherwise() -> None:
    assert parse("rediss://c").tls == Tls(verify=True, check_hostname=True)
    assert Tls().options()["ssl_cert_reqs"] == "required"
    assert Tls().options()["ssl_check_hostname"] is True


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "begin with redis://"),
        ("redis:6379", "begin with redis://"),
        ('"redis://cache"', "begin with redis://"),
        ("amqp://cache", "begin with redis://"),
        ("redis+cluster://cache", "Redis Cluster is not supported"),
        ("redis://a:1,b:2/0", "Redis Cluster is not supported"),
        ("sentinel://a:26379", "redis+sentinel://"),
        ("redis-sentinel://a,b/0#main", "redis+sentinel://"),
        ("https://eu1.example.com", "rediss://"),
        ("redis://:pa/ss@cache", "Percent-encode the password"),
        ("redis://:pa?ss@cache", "Percent-encode the password"),
        ("redis://:pa#ss@cache", "Percent-encode the password"),
        ("redis://:pa ss@cache", "Percent-encode the password"),
        ("redis://:pa\nss@cache", "Percent-encode the password"),
        ("redis://:100%@cache", "Percent-encode the password"),
        ("redis://:100%zz@cache", "Percent-encode the password"),
        ("redis://:secret%ff@cache", "UTF-8"),
        ("redis://:secret%00@cache", "NUL"),
        ("redis://cache:secret", "1 to 65535"),
        ("redis://cache:0", "1 to 65535"),
        ("redis://cache:65536", "1 to 65535"),
        ("redis://cache:٣", "1 to 65535"),
        ("redis://cache:", "1 to 65535"),
        ("redis://::1:6379", "brackets"),
        ("redis://[::1", "brackets"),
        ("redis://cache/secret", "database is not a number"),
        ("redis://cache/-1", "database is not a number"),
        ("redis://cache/0/1", "database is not a number"),
        ("redis://cache/٣", "database is not a number"),
        ("redis://cache/9999999999", "database is not a number"),
        ("redis://cache?db=x", "database is not a number"),
        ("redis://cache/1?db=2", "two numbers of a database"),
        ("redis://cache?protocol=4", "protocol is one of 2, 3"),
        ("redis://cache?tls=true", "rediss://"),
        ("redis://cache?ssl_cert_reqs=none", "rediss://"),
        ("redis+sentinel://a/main?ssl_ca_certs=/a.pem", "rediss://"),
        ("rediss://cache?ssl_cert_reqs=maybe", "required, optional, none"),
        ("rediss://cache?ssl_check_hostname=maybe", "true"),
        ("rediss://cache?ssl_min_version=SSLv3", "tlsv1.2"),
        ("rediss://cache?ssl_keyfile=/k.pem", "ssl_certfile"),
        ("redis://cache?virtual_host=1", "is db"),
        ("redis://cache?max_connections=9", "'max_connections'"),
        ("redis://cache?protocol=2&protocol=3", "protocol twice"),
        ("redis://a:b@cache?password=secret", "user or password twice"),
        ("redis://cache?password=a+b", "%2B"),
        ("redis://cache?sentinel_password=x", "redis+sentinel://"),
        ("redis+sentinel://a,b", "no name"),
        ("redis+sentinel:///main", "no host"),
        ("redis+sentinel://a,,b/main", "no host"),
        ("redis+sentinel://a/main/x", "database is not a number"),
        ("unix://", "unix:///path"),
        ("unix://run/redis.sock", "unix:///path"),
        ("unix:///run/redis.sock?ssl_cert_reqs=none", "rediss://"),
    ],
)
def test_what_is_refused_has_a_hint_and_no_secret(url: str, hint: str) -> None:
    with pytest.raises(RedisURLError) as refused:
        parse(url)
    assert hint in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "ss@cache" not in str(refused.value)


@given(
    user=st.text(_CHARACTERS, max_size=20),
    password=st.text(_CHARACTERS, max_size=40),
)
def test_any_password_can_be_encoded(user: str, password: str) -> None:
    encoded = f"{quote(user, safe='')}:{quote(password, safe='')}"
    found = parse(f"redis://{encoded}@cache:1/2")
    assert (found.username or "", found.password or "") == (user, password)
    assert (found.hosts, found.db) == ((("cache", 1),), 2)


@given(st.text(max_size=60))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    for url in (text, f"redis://{text}", f"rediss+sentinel://{text}/main", f"unix://{text}"):
        with suppress(RedisURLError):
            assert parse(url).hosts or parse(url).socket


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://ada:secret@cache", "redis://cache:6379/0"),
        ("rediss://:secret@[::1]/2?ssl_password=secret", "rediss://[::1]:6379/2"),
        ("unix://:secret@/run/r.sock", "unix:///run/r.sock?db=0"),
        (
            "rediss+sentinel://:secret@a,b:1/main?sentinel_password=secret",
            "rediss+sentinel://a:26379,b:1/main/0",
        ),
    ],
)
def test_no_secret_is_shown(url: str, shown: str) -> None:
    address = parse(url)
    assert str(address) == shown
    assert "secret" not in repr(address)


def test_files_of_tls_are_read_at_the_start(tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for tls, hint in (
        (Tls(ca_file="/none.pem"), "ssl_ca_certs: /none.pem cannot be read: No such file"),
        (Tls(ca_file=str(text)), "no certificate in PEM"),
        (Tls(ca_path=str(text)), "no folder"),
        (Tls(cert_file=str(text)), "ssl_certfile and ssl_keyfile are no certificate"),
        (Tls(cert_file=str(text), key_file=str(tmp_path)), "ssl_keyfile"),
    ):
        with pytest.raises(RedisURLError, match=hint):
            tls.check_files()
    Tls().check_files()
