"""Cells of lists in the admin: when something was, and ids that are read at a glance."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from batchgen.moments import NONE, ago

Cell = Callable[[Any], SafeString | str]
#: Of an id; its first ones are of the time, and the same for what was made at once.
_SHOWN = 8


def ago_cell(column: str) -> Cell:
    """A moment as `3 min ago`."""

    @admin.display(ordering=column, description=column.removesuffix("_at").replace("_", " "))
    def cell(row: Any) -> SafeString | str:
        return ago(getattr(row, column))

    return cell


def id_cell(column: str = "id") -> Cell:
    """An id by its end, with the whole of it behind it."""

    @admin.display(ordering=column, description=column.removesuffix("_id"))
    def cell(row: Any) -> SafeString | str:
        whole = getattr(row, column)
        if whole is None:
            return NONE
        shown = f"\N{HORIZONTAL ELLIPSIS}{str(whole)[-_SHOWN:]}"
        return format_html('<code title="{}">{}</code>', whole, shown)

    return cell
