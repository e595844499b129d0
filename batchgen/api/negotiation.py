"""Content negotiation as HTTP (RFC 9110) defines it.

REST framework's own choice knows no weights: `;q=0` asks for a type instead of refusing it.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_JSON = "application/json"
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?|\.\d{1,3}", re.ASCII)
#: Whoever sends more than this is not choosing.
_MOST_RANGES = 100


class _Range(NamedTuple):
    """One entry of an Accept header."""

    main: str
    sub: str
    weight: float

    def precision(self, media_type: str) -> int:
        """How exactly it names the type: 3, 2 (`text/*`), 1 (`*/*`) or 0: not at all."""
        main, _, sub = media_type.partition("/")
        if self.main == "*":
            return 1
        if self.main != main:
            return 0
        return 3 if self.sub == sub else 2 * (self.sub == "*")


class AnyAccept(BaseContentNegotiation):
    """For files: what they are is said elsewhere, so `Accept` has nothing to say."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class Negotiation(DefaultContentNegotiation):
    """Weights, wildcards and any case; parameters like `charset` do not matter."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """The parser for the body's type, of which `+json` (RFC 6839) is JSON too."""
        media_type = str(request.content_type or "").partition(";")[0].strip().lower()
        if media_type.startswith("application/") and media_type.endswith("+json"):
            media_type = _JSON
        return next((each for each in parsers if each.media_type == media_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """The renderer that `Accept` weighs most; of equals the first.

        Raises:
            NotAcceptable: it wants none of them.
        """
        ranges, renderers = _ranges(self.accepted(request)), list(renderers)
        best = max(renderers, key=lambda each: _weight(ranges, str(each.media_type)))
        if not _weight(ranges, str(best.media_type)):
            raise NotAcceptable(available_renderers=renderers)
        return best, str(best.media_type)

    def accepted(self, request: Request) -> str:
        """The Accept header."""
        return str(request.META.get("HTTP_ACCEPT", ""))


def _ranges(header: str) -> list[_Range]:
    found = [_range(text) for text in header.split(",", _MOST_RANGES)[:_MOST_RANGES]]
    return [each for each in found if each is not None] or [_Range("*", "*", 1)]


def _range(text: str) -> _Range | None:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    main, slash, sub = name.partition("/")
    if name == "*":  # as old Java clients write `*/*`
        main = slash = sub = "*"
    if not (main and slash and sub):
        return None
    weights = [part[2:] for part in parameters if part.startswith("q=")]
    if not weights or not _WEIGHT.fullmatch(weights[0]):
        return _Range(main, sub, 1)
    return _Range(main, sub, float(weights[0]))


def _weight(ranges: list[_Range], media_type: str) -> float:
    """Of the range that names the type most exactly; 0: none does."""
    best = max(ranges, key=lambda each: (each.precision(media_type), each.weight))
    return best.weight if best.precision(media_type) else 0
