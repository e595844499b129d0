"""How pages write things: icons, durations, money, links that keep the filters."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from batchgen.db.clock import database_now
from content.kind import counted
from epics.access import Role
from runs.reads.eta import Remaining, duration_text
from web.words import LOOKS, type_name

register = template.Library()

#: Where there is no value.
_NONE = "\N{EN DASH}"


@register.simple_tag
def icon(name: str) -> SafeString:
    """A picture of `icons.svg`; it says nothing that no word beside it says."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("web/icons.svg"),
        name,
    )


@register.simple_tag
def pill(status: str) -> SafeString:
    """A status as a sign, a word and a tone."""
    look = LOOKS[status]
    return format_html('<span class="pill {}">{} {}</span>', look.tone, icon(look.icon), look.word)


@register.filter
def named(run_type: str) -> str:
    """What a run of this type is called."""
    return type_name(run_type)


@register.filter
def look(status: str) -> str:
    """A status as a word."""
    return LOOKS[status].word


@register.filter
def many(count: int, words: str) -> str:
    """`1 epic`, `12 epics`, of `"epic,epics"`."""
    one, more = words.split(",")
    return counted(count, (one, more))


@register.filter
def may_write(role: str) -> bool:
    """Whether this role in a project does more than read."""
    return role != Role.VIEWER


@register.inclusion_tag("web/field.html", takes_context=True)
def field(context: Any, name: str, label: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    """A labelled field with what was typed, its help, and what is wrong with it.

    Args:
        kind: text, textarea, select, check, or another type of an input.
        more: `help`, `choices` [(value, label)], `value` where nothing was typed, `required`, and
            attributes of the input.
    """
    problem = context.get("problem") or {}
    wrong = problem.get("details", {}).get(name, [])
    shown = {key: more.pop(key, None) for key in ("help", "choices", "value", "required", "rows")}
    value = context.get("values", {}).get(name, "" if shown["value"] is None else shown["value"])
    return {
        **shown,
        "name": name,
        "id": f"f-{name}".replace(".", "-"),
        "label": label,
        "kind": kind,
        "value": value,
        "wrong": wrong if isinstance(wrong, list) else [wrong],
        "attributes": more,
    }


@register.filter
def duration(milliseconds: int | None) -> str:
    """45 s, 21 min; a dash where there is none."""
    return _NONE if milliseconds is None else duration_text(milliseconds)


@register.filter
def number(count: int) -> str:
    """1,234,567."""
    return f"{count:,}"


@register.filter
def eta(remaining: Remaining) -> str:
    """`3 min to 6 min left`."""
    low, high = duration_text(remaining.low_ms), duration_text(remaining.high_ms)
    return f"{low} left" if low == high else f"{low} to {high} left"


@register.filter
def usd(amount: Decimal | None) -> str:
    """$4.82, and more digits where it is less than a cent."""
    if amount is None:
        return _NONE
    places = 4 if 0 < abs(amount) < Decimal("0.1") else 2
    return f"{'-' if amount < 0 else ''}${abs(amount):,.{places}f}"


@register.filter
def share(part: float | None) -> str:
    """82 %, of a part of 1."""
    return _NONE if part is None else f"{100 * part:.0f} %"


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """`3 min ago`, with the exact time behind it."""
    if moment is None:
        return _NONE
    exact = moment.isoformat(timespec="seconds")
    seconds = max(0, round((database_now() - moment).total_seconds()))
    return format_html('<time datetime="{0}" title="{0}">{1}</time>', exact, _since(seconds))


def _since(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: object) -> str:
    """This page's address with its query changed: `?status=FAILED`. What is None or empty goes, and
    so does the place in a list, which belongs to the old query."""
    asked = context["request"].GET.copy()
    # What is open beside a list says nothing of the list.
    for name in changes if changes.keys() == {"item"} else ("cursor", *changes):
        asked.pop(name, None)
    for name, value in changes.items():
        if value not in (None, ""):
            asked[name] = str(value)
    return f"?{asked.urlencode()}" if asked else "?"
