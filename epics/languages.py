"""The languages that stories can be written in: a closed list, because the name goes into the part
of the prompt that a model obeys."""

import re
from functools import cache

from babel import Locale
from django.conf.locale import LANG_INFO

REFUSAL = "Name a language as in English, German, British English, Portuguese (Brazil) or pt-BR."
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:[-_](?P<script>[a-z]{4}))?(?:[-_](?P<territory>[a-z]{2}|[0-9]{3}))?"
)
_WITH_TERRITORY = re.compile(r"(?P<language>[^()]+?) ?\((?P<territory>[^()]+)\)")


def is_language(text: str) -> bool:
    """Whether the text names a language, in English or by itself, or is its tag (BCP 47)."""
    name = " ".join(text.casefold().split())
    if name in _names():
        return True
    if tag := _TAG.fullmatch(name):
        return _is_tag(tag)
    found = _WITH_TERRITORY.fullmatch(name)
    return bool(found and found["language"] in _names() and found["territory"] in _territories())


def _is_tag(tag: re.Match[str]) -> bool:
    known = _english()
    return (
        tag["language"] in known.languages
        and (tag["script"] or "latn").title() in known.scripts
        and (tag["territory"] or "us").upper() in known.territories
    )


@cache
def _english() -> Locale:
    return Locale("en")


@cache
def _names() -> frozenset[str]:
    """English names from Unicode's list, and Django's of the larger languages in themselves."""
    local = (str(info["name_local"]) for info in LANG_INFO.values() if "name_local" in info)
    return frozenset(name.casefold() for name in (*_english().languages.values(), *local))


@cache
def _territories() -> frozenset[str]:
    """Names and codes."""
    known = _english().territories
    return frozenset(text.casefold() for text in (*known, *known.values(), "UK", "USA"))


def language_tags(text: str) -> tuple[str, ...]:
    """Tags (BCP 47) of a language that `is_language`, the most exact first, its language alone
    last: ("pt-BR", "pt"). None where it is no language."""
    name = " ".join(text.casefold().split())
    found = _WITH_TERRITORY.fullmatch(name)
    if found:
        name = f"{_codes().get(found['language'])}-{_territory_codes().get(found['territory'])}"
    tag = _TAG.fullmatch(_codes().get(name, name).casefold())
    if tag is None:
        return ()
    script, territory = (tag["script"] or "").title(), (tag["territory"] or "").upper()
    parts = ((script, territory), (script,), (territory,))
    longer = ("-".join(filter(None, (tag["language"], *part))) for part in parts)
    return tuple(dict.fromkeys((*longer, tag["language"])))


@cache
def _codes() -> dict[str, str]:
    """{name: tag}, over the same names as `_names`."""
    local = {info["name_local"]: code for code, info in LANG_INFO.items() if "name_local" in info}
    english = {name: code for code, name in _english().languages.items()}
    return {name.casefold(): code for name, code in (local | english).items()}


@cache
def _territory_codes() -> dict[str, str]:
    """{name or code: code}, over the same as `_territories`."""
    known = _english().territories
    names = {name: code for code, name in known.items()} | {code: code for code in known}
    return {name.casefold(): code for name, code in (names | {"UK": "GB", "USA": "US"}).items()}
