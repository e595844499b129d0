"""The installation's id, and the prefix that it claims in Redis."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils.timezone import now

from batchgen.db.ids import new_id
from batchgen.db.installation import installation_id
from batchgen.models import Installation
from batchgen.redis import client as redis
from runs.models import Worker
from tests.acceptance.fleet import wait_for
from tests.factories import client_of
from tests.threads import elsewhere, race, somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def unmade() -> Iterator[None]:
    """A database that no process asked for its id; the suite's comes back."""
    kept = installation_id()
    Installation.objects.all().delete()
    installation_id.cache_clear()
    yield
    Installation.objects.update(id=kept)
    installation_id.cache_clear()


def test_all_who_ask_at_once_get_the_same_id(unmade: None) -> None:
    found = race(*[installation_id.__wrapped__] * 8)
    assert len(set(found)) == 1
    assert Installation.objects.get().pk == found[0]


def test_who_is_second_waits_for_the_id_of_the_first(unmade: None) -> None:
    mine = new_id()
    found: list[object] = []
    with transaction.atomic():
        Installation.objects.create(pk=mine, single=True)
        second = elsewhere(lambda: found.append(installation_id.__wrapped__()))
        wait_for(somebody_waits, "the second waits for the first")
    second.join(10)
    assert found == [mine]


def test_an_id_outlives_the_transaction_in_which_it_was_first_asked_for(unmade: None) -> None:
    with transaction.atomic():
        found = installation_id()
        transaction.set_rollback(True)
    assert Installation.objects.get().pk == found


def test_by_default_keys_have_the_id(settings: Any) -> None:
    settings.REDIS_PREFIX = ""
    assert redis.key("x") == f"batchgen:{installation_id()}:x"
    settings.REDIS_PREFIX = "ours:"
    assert redis.key("x") == "ours:x"


@pytest.fixture
def prefix(settings: Any) -> Iterator[str]:
    settings.REDIS_PREFIX = f"claim-{uuid4()}:"
    yield settings.REDIS_PREFIX
    redis.client().delete(redis.key("installation"))


def claimed_by() -> bytes | None:
    return cast("bytes | None", redis.client().get(redis.key("installation")))


def test_a_prefix_is_claimed_once_and_again_after_it_was_lost(prefix: str) -> None:
    assert claimed_by() is None
    for _ in range(2):
        redis.check_prefix()
        assert claimed_by() is None, "who only looks writes nothing"
    for _ in range(2):
        redis.claim_prefix()
        assert claimed_by() == str(installation_id()).encode()
    redis.client().delete(redis.key("installation"))
    redis.claim_prefix()
    assert claimed_by() == str(installation_id()).encode()


def test_a_foreign_prefix_is_refused_in_words_and_not_ready(prefix: str) -> None:
    Worker.objects.create(name="w1", concurrency=1, lease_until=now() + timedelta(seconds=60))
    another = str(uuid4())
    redis.client().set(redis.key("installation"), another)
    with pytest.raises(redis.ForeignInstallation) as refused:
        redis.claim_prefix()
    for word in (another, str(installation_id()), prefix, "BATCHGEN_REDIS_PREFIX"):
        assert word in str(refused.value)
    assert claimed_by() == another.encode()
    answer = client_of(None).get("/readyz")
    assert answer.json()["error"]["details"]["missing"] == ["prefix"]
