"""How pages tell when something was: how long ago, with the exact time behind it."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from batchgen.db.clock import database_now

#: Where there is no value.
NONE = "\N{EN DASH}"


def ago(moment: datetime | None) -> SafeString | str:
    """`3 min ago`; `in 3 min` of what is to come; a dash where there is none."""
    if moment is None:
        return NONE
    exact = moment.isoformat(timespec="seconds")
    seconds = round((database_now() - moment).total_seconds())
    # Of two clocks one may be a moment ahead.
    text = f"in {_length(-seconds)}" if seconds < -1 else f"{_length(max(0, seconds))} ago"
    return format_html('<time datetime="{0}" title="{0}">{1}</time>', exact, text)


def _length(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
