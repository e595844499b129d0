"""Formatting of cells in the admin's tables."""

from collections.abc import Iterable

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
