"""What one test commits, the next one does not find."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.test import Client, TransactionTestCase

from runs.models import PacingProfile
from runs.pacing import PROFILES
from tests.database import rows_delete
from tests.factories import user_make
from tests.integration.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def written() -> set[str]:
    """The tables with rows."""
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table for model in models if model._default_manager.exists()}


def test_a_test_leaves_what_the_migrations_left() -> None:
    before = written()
    permissions = Permission.objects.count()
    World.make(epics=2)
    user = user_make()
    user.user_permissions.add(Permission.objects.all()[0])
    Client().force_login(user)
    PacingProfile.objects.update(lanes=1)
    assert len(written() - before) > 10
    rows_delete()
    assert written() == before
    # An installation's id is made when somebody first needs it.
    always = before - {"batchgen_installation"}
    assert always == {"django_content_type", "auth_permission", "runs_pacingprofile"}
    assert Permission.objects.count() == permissions
    assert {row.name: row.lanes for row in PacingProfile.objects.all()} == {
        name: pace.lanes for name, pace in PROFILES.items()
    }


def test_django_asks_for_it_after_each_test_that_commits() -> None:
    assert TransactionTestCase._fixture_teardown is rows_delete  # type: ignore[attr-defined]  # not in the stubs
