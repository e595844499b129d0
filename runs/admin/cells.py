"""Formatting of cells in the admin's tables, and of what narrows them."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.admin import AllValuesFieldListFilter
from django.contrib.admin.views.main import ChangeList
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from runs.models import ProviderCall, RunItem
from runs.reads.eta import duration_text
from runs.reads.items import tokens_read
from runs.reads.progress import RunProgress


def lines_cell(texts: Iterable[str]) -> SafeString | str:
    return format_html_join("", "{}<br>", [(text,) for text in texts]) or "-"


def tokens_cell(spent: RunProgress | RunItem | ProviderCall) -> str:
    read = tokens_read(spent)
    if spent.output_tokens is None or read is None:
        return "unknown"
    known = f"{read:,} in, {spent.output_tokens:,} out"
    unknown = 0 if isinstance(spent, ProviderCall) else spent.unknown_calls
    return f"{known}, {unknown} calls unknown" if unknown else known


def duration_cell(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else duration_text(milliseconds)


class ValuesFilter(AllValuesFieldListFilter):
    """Django's filter by a column's values; here the empty one has a name to be clicked, too."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "none"}
