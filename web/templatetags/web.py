"""How pages write things: icons, durations, money, links that keep the filters."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from batchgen.micro_usd import usd_of
from batchgen.moments import NONE, ago
from content.kind import counted
from epics.access import Role
from runs.models import RunItem
from runs.reads.eta import Remaining, duration_text
from runs.reads.items import duration_ms
from web.words import LOOKS, as_lines, type_name

register = template.Library()
register.filter(ago)
register.filter("lines", as_lines)

#: Of providers and clouds, tokens of sign-ins, passwords in addresses, and what is called one.
_SECRET = re.compile(
    r"\b(?:sk|rk|pk|xox[abp]|gh[opsu])[-_][\w-]{12,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"
    r"|(?i:(?<=bearer )|(?<=password: )|(?<=password=)|(?<=api_key=)|(?<=x-api-key: ))\S+"
)
#: A bar of a sparkline, with its gap, and the highest.
_BAR, _TALL = 8, 24


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
            attributes of the input; one that is None is left out.
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
        "attributes": {name: text for name, text in more.items() if text is not None},
    }


@register.filter
def at(values: Mapping[str, Any], name: str) -> Any:
    """What stands under a name."""
    return values.get(name, "")


@register.filter
def duration(milliseconds: int | None) -> str:
    """45 s, 21 min; a dash where there is none."""
    return NONE if milliseconds is None else duration_text(milliseconds)


@register.simple_tag
def sparkline(
    values: Sequence[float], label: str, texts: Sequence[str] | None = None
) -> SafeString:
    """A bar for each value, the highest of which fills the height; the label and the values say the
    same in words.

    Args:
        texts: the values as people read them.
    """
    most = max(*values, 1e-9)
    bars = " ".join(
        f"M{place * _BAR},{_TALL}v-{max(1, round(value * _TALL / most))}h{_BAR - 2}V{_TALL}z"
        for place, value in enumerate(values)
        if value
    )
    return format_html(
        '<svg class="spark" role="img" aria-label="{}: {}" preserveAspectRatio="none" '
        'viewBox="0 0 {} {}"><path d="{}"/></svg>',
        label, ", ".join(texts or map(str, values)), len(values) * _BAR, _TALL, bars,
    )  # fmt: skip


@register.filter
def redacted(text: str) -> str:
    """A text without what looks like a key, a token or a password."""
    return _SECRET.sub("[left out]", text)


@register.filter
def took(item: RunItem) -> str:
    """What an item took, waits and all."""
    return duration(duration_ms(item))


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
        return NONE
    places = 4 if 0 < abs(amount) < Decimal("0.1") else 2
    return f"{'-' if amount < 0 else ''}${abs(amount):,.{places}f}"


@register.filter
def micro(amount: int | None) -> Decimal | None:
    """Dollars, of micro-dollars."""
    return None if amount is None else usd_of(amount)


@register.filter
def dollars(amount: Decimal) -> str:
    """12.50, as it is typed: with as many places as it has, two at least."""
    whole, _, places = f"{amount:.6f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


@register.filter
def share(part: float | None) -> str:
    """82 %, of a part of 1."""
    return NONE if part is None else f"{100 * part:.0f} %"


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: object) -> str:
    """This page's address with its query changed: `?status=FAILED`. What is None or empty goes, and
    so does the place in a list, which belongs to the old query. `here` of the context is where the
    page is, if not where it was asked for."""
    asked = context["request"].GET.copy()
    # What is open beside a list says nothing of the list.
    for name in changes if changes.keys() == {"item"} else ("cursor", *changes):
        asked.pop(name, None)
    for name, value in changes.items():
        if value not in (None, ""):
            asked[name] = str(value)
    return f"{context.get('here', '')}?{asked.urlencode()}"
