"""Query parameters of the backlog's lists and exports."""

from collections.abc import Mapping
from uuid import UUID

from rest_framework import serializers

from batchgen.api.inputs import Flag, QuerySerializer
from batchgen.api.paging import order_choices
from epics import bounds
from epics.api.fields import line_field
from epics.files.backlog_export import FORMATS

# Filters --------------------------------------------------------------------------------------


def _order(columns: Mapping[str, str], default: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(
        order_choices(columns), default=default, help_text="With `-`: the other way round."
    )


class SearchQuery(QuerySerializer):
    q = line_field(help_text="Part of the text, in any case; quick from three characters on.")


#: What lists can be ordered by: {name in the JSON: column}.
PROJECT_ORDERS = {"createdAt": "created_at", "name": "name"}
PART_ORDERS = {"order": "order", "code": "code", "title": "title"}
STORY_ORDERS = {"createdAt": "created_at"}


class ProjectsQuery(SearchQuery):
    order = _order(PROJECT_ORDERS, "-createdAt")


class PartsQuery(SearchQuery):
    order = _order(PART_ORDERS, "order")


class StoriesQuery(SearchQuery):
    epic = line_field(bounds.CODE_CHARS, help_text="An id or a code.")
    persona = line_field(help_text="In any case.")
    order = _order(STORY_ORDERS, "createdAt")


class SubtasksQuery(QuerySerializer):
    epic = line_field(bounds.CODE_CHARS, help_text="An id or a code.")
    story = line_field(bounds.STORY_CODE_CHARS, help_text="An id or a code.")
    order = _order(STORY_ORDERS, "createdAt")


class ExportQuery(QuerySerializer):
    format = serializers.ChoiceField(list(FORMATS), default="json")
    bom = Flag(
        allow_null=True,
        default=None,
        help_text=(
            "Begin with a byte order mark, by which Excel knows UTF-8: yes for `csv`, `jira` and "
            "`azure`, unless `false`; never for `json`, `github` and `gherkin`."
        ),
    )


def id_or_code(text: str) -> UUID | str:
    """What a filter names a row by."""
    try:
        return UUID(text)
    except ValueError:
        return text
