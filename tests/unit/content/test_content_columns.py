"""The columns of content: what people edit is what the kinds' SQL writes, and tells of."""

import re

import pytest

from content.registry import Kind, kind_started_by
from epics.registry import content_named, content_of

_TOLD = re.compile(r"SELECT [\w.]+, '(?P<kind>\w+)'.*?'\{(?P<names>[a-z_,]+)\}'", re.DOTALL)
_BLOCK = "INSERT INTO epics_contentchange"
_KINDS = [
    kind_started_by(run_type)
    for run_type in (
        *("ANALYZE_CARDS", "GENERATE_EPICS", "GENERATE_ALL_STORIES", "GENERATE_SUBTASKS"),
        "GENERATE_PAGES",
    )
]
each_kind = pytest.mark.parametrize("kind", _KINDS, ids=[kind.name for kind in _KINDS])


@each_kind
def test_what_a_run_changed_is_told_by_the_columns_that_people_edit(kind: Kind) -> None:
    told = [_TOLD.search(block) for block in kind.store_sql.split(_BLOCK)[1:]]
    assert told
    for found in told:
        assert found
        content = content_named(found["kind"])
        # Rows are matched by their codes. A card's upload is told for its item's sake.
        names = set(found["names"].split(",")) - {"upload_id"}
        assert names == set(content.fields) - {"code"}


@each_kind
def test_a_run_writes_every_column_that_people_edit(kind: Kind) -> None:
    assert kind.made
    content = content_of(kind.made.model)
    assert content
    table = kind.made.model._meta.db_table
    insert = re.search(rf"INSERT INTO {table} \((?P<columns>[^)]*)\)", kind.store_sql)
    update = re.search(rf"UPDATE {table} SET(?P<columns>.*?)\n    FROM ", kind.store_sql, re.DOTALL)
    written = insert or update
    assert written
    assert set(content.fields) <= set(re.findall(r"\w+", written["columns"]))
