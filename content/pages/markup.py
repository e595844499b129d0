"""Markdown of a component: as it is stored, as safe HTML, and as text. Pure, in linear time.

What a model writes may hold anything. The Markdown that is kept has no HTML in it and no link but
to http and https, so that any other renderer is safe with it too; the HTML passes a sanitiser all
the same.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from quality.text import comparable

#: A page's title is its h1, a component's heading an h2; what is inside is below them.
FIRST_LEVEL = 3
_LAST_LEVEL = 6
#: Whatever stands between < and > on one stretch; an address or a tag of HTML, or neither.
_ANGLES = re.compile(r"<([^<>]{1,2000})>")
_ADDRESS = re.compile(r"https?://\S+|[^\s@]+@[^\s@]+", re.IGNORECASE)
#: What begins a tag, a comment or a declaration.
_TAG_BEGIN = re.compile(r"<(?=[A-Za-z/!?])")
_IMAGE = re.compile(r"!\[")
_OTHER_LINK = re.compile(r"\]\((?![ \t\n]*https?://)", re.IGNORECASE | re.ASCII)
#: A link's address that stands elsewhere: "[name]: address".
_REFERENCE = re.compile(r"\]:")
_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")

_TAGS = {
    *("p", "br", "hr", "ul", "ol", "li", "strong", "em", "code", "pre", "blockquote", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
    *(f"h{level}" for level in range(FIRST_LEVEL, _LAST_LEVEL + 1)),
}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style"},
    attributes={"a": {"href"}, "ol": {"start"}, "*": set()},
    url_schemes={"http", "https"},
    url_relative="deny",
    link_rel="nofollow noopener noreferrer",
)
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A paragraph, a list's item, a cell or a heading as text; `level` 0 is no heading."""

    text: str
    level: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Markup:
    """A component's text in its three forms.

    Attributes:
        blocks: the text without signs of Markdown.
        html: of FIRST_LEVEL and deeper, without a heading of the component itself.
        stripped: HTML or a link was taken out of it.
        relevelled: its headings were too high, or left levels out.
        links: addresses that it links to.
    """

    markdown: str
    html: str
    blocks: tuple[Block, ...]
    stripped: bool = False
    relevelled: bool = False
    links: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, a block a line."""
        return "\n".join([block.text for block in self.blocks])


def markup(source: str, *, heading: str = "") -> Markup:
    """Markdown from anywhere, made safe, its headings in order.

    Args:
        heading: the component's own; where the text begins with it again, that is left out.
    """
    given = _BREAKS.sub("\n", source).strip()
    safe = _without_html(given)
    lines: list[str | None] = [*safe.split("\n")]
    tokens = _PARSER.parse(safe)
    if _begins_with(tokens, heading):
        _drop(lines, tokens[0])
        del tokens[:3]
    relevelled = _relevel(tokens, lines)
    return Markup(
        markdown="\n".join([line for line in lines if line is not None]).strip(),
        html=_CLEANER.clean(_PARSER.renderer.render(tokens, _PARSER.options, {})).strip(),
        blocks=tuple(_blocks(tokens)),
        stripped=safe != given,
        relevelled=relevelled,
        links=tuple(_links(tokens)),
    )


def _without_html(source: str) -> str:
    """Nothing that any renderer takes for HTML, an image, or a link to something else.

    What is put in for that comes behind a sign, never before it: a backslash there would undo one
    that stands there already.
    """
    text = _ANGLES.sub(_unangled, source)
    # What is left of HTML, and what came together when a tag between was taken out.
    text = _TAG_BEGIN.sub("&lt;", text)
    text = _IMAGE.sub("! [", text)
    text = _OTHER_LINK.sub(r"]\\(", text)
    return _REFERENCE.sub(r"]\\:", text)


def _unangled(found: re.Match[str]) -> str:
    if _ADDRESS.fullmatch(found[1]):
        return found[1]
    return "" if _TAG_BEGIN.match(found[0]) else found[0]


def _begins_with(tokens: Sequence[Token], heading: str) -> bool:
    first = tokens[1] if tokens and tokens[0].type == "heading_open" else None
    said = comparable(_shown(first)) if first else ""
    return said != "" and said == comparable(heading)


def _relevel(tokens: Sequence[Token], lines: list[str | None]) -> bool:
    """Let the headings begin at FIRST_LEVEL and go down one level at a time, in the tokens and in
    the lines; whether that changed any."""
    changed = False
    above: list[int] = []
    for opening, closing in zip(tokens, tokens[2:], strict=False):
        if opening.type != "heading_open":
            continue
        given = int(opening.tag[1])
        while above and above[-1] >= given:
            above.pop()
        level = min(FIRST_LEVEL + len(above), _LAST_LEVEL)
        above.append(given)
        changed = changed or level != given
        opening.tag = closing.tag = f"h{level}"
        _rewrite(lines, opening, level)
    return changed


def _rewrite(lines: list[str | None], opening: Token, level: int) -> None:
    """A heading's line with another level; one that is underlined gets signs before it."""
    begin, end = opening.map or (0, 0)
    if opening.markup.startswith("#"):
        lines[begin] = (lines[begin] or "").replace(opening.markup, "#" * level, 1)
    elif opening.level == 0:
        said = " ".join([(line or "").strip() for line in lines[begin : end - 1]])
        _drop(lines, opening)
        lines[begin] = f"{'#' * level} {said}"


def _drop(lines: list[str | None], opening: Token) -> None:
    begin, end = opening.map or (0, 0)
    lines[begin:end] = [None] * (end - begin)


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    level = 0
    for token in tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "inline":
            yield Block(text=_shown(token), level=level)
            level = 0
        elif token.type in ("fence", "code_block"):
            yield Block(text=token.content)


def _links(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                yield str(child.attrs["href"])


def _shown(inline: Token) -> str:
    """What of an inline token can be read."""
    parts = [
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in inline.children or ()
    ]
    return "".join(parts).strip()
