"""The test database between tests."""

from typing import Any

from django.apps import apps
from django.db import connection

from runs.apps import profiles_ensure

#: Filled after the migrations, and changed by no test.
_KEPT = {"django_content_type", "auth_permission"}
#: One transaction, at whose end the foreign keys are checked: the order does not matter.
_DELETE = """
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY %s::text[] LOOP
        EXECUTE format('DELETE FROM %%I', name);
    END LOOP;
END $$
"""


def rows_delete(_: Any = None) -> None:
    """Leave the rows that the migrations leave, and no other.

    In the place of Django's flush, which truncates every table and makes the permissions anew: a
    quarter of a second after each test that commits, for the few rows that most of them write.
    """
    tables = set(connection.introspection.django_table_names()) - _KEPT
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [sorted(tables)])
    profiles_ensure(apps.get_app_config("runs"))
