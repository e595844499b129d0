"""A database as it is after some years: 1,000,000 stories, 100,000 epics of runs, 1,000 runs."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connection

from batchgen.db.sql import Queries
from epics.models import Story

_SQL = Queries(Path(__file__).with_name("big_database.sql"))
_STEPS = ("plan", "projects", "backlog", "stories", "runs", "run_items")
_MEMBERS = 200
CLIENT_PASSWORD = "bench-only"  # noqa: S105 - of a database that is thrown away
_WORDS = {
    "verbs": ["see", "print", "count", "order", "return", "compare", "approve", "cancel", "move"],
    "nouns": ["invoice", "pallet", "delivery note", "price list", "return label", "stock card"],
    "towns": ["Lyon", "Porto", "Bergen", "Graz", "Turku", "Cork", "Gdynia", "Bilbao", "Aarhus"],
    "personas": ["Analyst", "Buyer", "Driver", "Cashier", "Auditor", "Planner", "Shop owner"],
}


def client_names(number: int) -> list[str]:
    """The first so many users; every fifth is staff, the others are members of sixty projects."""
    return [f"bench{place}" for place in range(1, number + 1)]


def database_fill(*, share: int = 1) -> None:
    """Fill an empty database, and have it analysed.

    Args:
        share: of epics and stories only the so many-th part, to see that everything runs.
    """
    password = make_password(CLIENT_PASSWORD)
    User.objects.bulk_create(
        User(username=name, password=password, is_staff=place % 5 == 4)
        for place, name in enumerate(client_names(_MEMBERS))
    )
    params: dict[str, Any] = {**_WORDS, "model": settings.MODEL, "share": share}
    (search,) = [index for index in Story._meta.indexes if index.name == "story_search"]
    with connection.schema_editor() as editor:
        editor.remove_index(Story, search)
    with connection.cursor() as cursor:
        for step in _STEPS:
            cursor.execute(_SQL[step], params)
    with connection.schema_editor() as editor:
        editor.add_index(Story, search)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
