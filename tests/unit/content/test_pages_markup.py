"""Markdown of a page's components: safe in every form, its headings in order, in linear time."""

import re
from html.parser import HTMLParser

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from content.pages.markup import FIRST_LEVEL, markup
from tests.hostile_texts import hostile, is_slow

#: As other people's renderers read it: HTML goes through, links go anywhere.
_CARELESS = MarkdownIt("commonmark", {"html": True}).enable("table")
_CARELESS.validateLink = lambda url: True  # type: ignore[method-assign]  # as its docs say

_ATTACKS = (
    *("<script>alert(1)</script>", "<scr<b>ipt>alert(1)</scr</b>ipt>", "<<b>script>", "<!-- x -->"),
    *("<style>*{}</style>", "<?php x ?>", "<a href='javascript:x'>y</a>", "<svg/onload=alert(1)>"),
    *("<img src=x onerror=alert(1)>", "<img", "<iframe", "</p", "<![CDATA[x]]>", "<javascript:x>"),
    *("![a](https://example.org/x.png)", "![a][b]", "!", "[a](javascript:alert(1))"),
    *("[a]( \n javascript:x)", "[a](<javascript:x>)", "[a](JaVaScRiPt:x)", "[a](/inside)"),
    *("[a](&#106;avascript:x)", "[a](data:text/html,x)", "[a](//example.org)", "[a][b]", "[a]"),
    *("[a](\x1chttps://b)", "[a](http\u017f://b)", "[a](\u00a0https://b)"),
    *("[b]: javascript:x", "[a\\]: javascript:x", "\\", "[a](https://example.org 'title')"),
    *("# A\n", "## B\n", "##### C\n", "Title\n===\n", "Title\n---\n", "> # q\n", "- # l\n"),
    *(
        "text ",
        "*",
        "**",
        "`",
        "```\n",
        "|a|b|\n|-|-|\n",
        "1. ",
        "&lt;script&gt;",
        "\r",
        "\x0b",
        "\n",
    ),
)
_MARKDOWN = st.one_of(
    st.text(max_size=200), st.lists(st.sampled_from(_ATTACKS), max_size=12).map("".join)
)
#: What may turn an attack into another one.
_BEFORE = ("", "\\", "\\\\", "!", "!!", "[", "<", "<b", "> ", "- ", "# ", "`", "x")


class _Seen(HTMLParser):
    """Tags and attributes of a text of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    @property
    def levels(self) -> list[int]:
        return [int(tag[1]) for tag in self.tags if re.fullmatch("h[1-6]", tag)]


def _is_safe(html: str, *, also: tuple[str, ...] = ()) -> None:
    """Args:
    also: attributes that a parser of Markdown writes by itself.
    """
    seen = _Seen(html)
    assert not {"script", "style", "img", "svg", "iframe", "form", "object"} & set(seen.tags)
    for name, value in seen.attributes:
        assert name in ("href", "rel", "start", *also)
        assert name != "href" or value.lower().startswith(("http://", "https://"))


def _is_in_order(levels: list[int]) -> bool:
    return all(
        level <= above + 1 for above, level in zip([FIRST_LEVEL - 1, *levels], levels, strict=False)
    )


@given(_MARKDOWN)
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_the_html_is_safe_and_its_headings_are_in_order(source: str) -> None:
    made = markup(source)
    _is_safe(made.html)
    levels = _Seen(made.html).levels
    assert min(levels, default=FIRST_LEVEL) >= FIRST_LEVEL
    assert _is_in_order(levels)


@given(_MARKDOWN)
@settings(max_examples=300, deadline=None)
def test_what_is_stored_is_safe_with_a_careless_renderer_too(source: str) -> None:
    html = _CARELESS.render(markup(source).markdown)
    _is_safe(html, also=("class", "style", "title"))


@pytest.mark.parametrize("before", _BEFORE)
def test_no_attack_gets_through(before: str) -> None:
    for attack in _ATTACKS:
        for behind in ("", "\n\n[b]: javascript:x", "[b]", ")", ">", attack):
            made = markup(f"{before}{attack}{behind}")
            _is_safe(made.html)
            _is_safe(_CARELESS.render(made.markdown), also=("class", "style", "title"))


@given(_MARKDOWN)
@settings(max_examples=200, deadline=None)
def test_the_html_is_what_a_sanitiser_leaves_as_it_is(source: str) -> None:
    html = markup(source).html
    assert nh3.clean(html, link_rel="nofollow noopener noreferrer") == html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("plain", "<p>plain</p>"),
        ("<b>bold</b> move", "<p>bold move</p>"),
        ("a < b and b > c", "<p>a &lt; b and b &gt; c</p>"),
        ("<scr<b>ipt>alert(1)</script>", "<p>&lt;script&gt;alert(1)</p>"),
        ("<https://example.org/a>", "<p>https://example.org/a</p>"),
        ("<me@example.org>", "<p>me@example.org</p>"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ("[a](/inside)", "<p>[a](/inside)</p>"),
        (
            "[a](https://example.org)",
            '<p><a href="https://example.org" rel="nofollow noopener noreferrer">a</a></p>',
        ),
        ("![a](https://example.org/x.png)", None),
        ("[a]\n\n[a]: javascript:x", "<p>[a]</p>\n<p>[a]: javascript:x</p>"),
        ("[a\\]: javascript:x", "<p>[a]: javascript:x</p>"),
        ("# A\n\n### B\n\n## C", "<h3>A</h3>\n<h4>B</h4>\n<h4>C</h4>"),
        ("Title\n===\n\ntext", "<h3>Title</h3>\n<p>text</p>"),
        ("|a|b|\n|-|-|\n|1|2|", None),
    ],
)
def test_what_becomes_of_it(source: str, html: str | None) -> None:
    made = markup(source)
    if html is not None:
        assert made.html == html
    assert markup(made.markdown).html == made.html


def test_headings_are_put_in_order_in_the_markdown_too() -> None:
    made = markup("# A\n\n##### B\n\nC\n---\n\n> # D\n\n- ## E\n\ntext # no heading")
    assert made.relevelled
    assert made.markdown == "### A\n\n#### B\n\n#### C\n\n> ### D\n\n- #### E\n\ntext # no heading"
    assert not markup(made.markdown).relevelled


def test_a_heading_that_repeats_the_components_own_is_left_out() -> None:
    assert markup("## How to choose?\n\nRead.", heading="How to choose").markdown == "Read."
    assert markup("How to choose\n===\nRead.", heading="How to choose").html == "<p>Read.</p>"
    assert markup("## Another\n\nRead.", heading="How to choose").markdown == "### Another\n\nRead."
    assert markup("## ", heading="").markdown == "###"


def test_the_text_is_without_signs() -> None:
    made = markup("### A\n\n*b*\nc `d` [e](https://example.org)\n\n- f\n\n|g|h|\n|-|-|\n|1|&amp;|")
    assert [(block.text, block.level) for block in made.blocks] == [
        *(("A", 3), ("b c d e", 0), ("f", 0), ("g", 0), ("h", 0), ("1", 0), ("&", 0)),
    ]
    assert made.text.splitlines() == ["A", "b c d e", "f", "g", "h", "1", "&"]


def test_what_was_taken_out_is_told() -> None:
    assert markup("<b>a</b>").stripped
    assert markup("[a](ftp://b)").stripped
    assert not markup("a < b\r\n[c](https://d)").stripped


def test_markup_is_linear() -> None:
    slow = [
        (little[:10], len(much))
        for little, much in zip(hostile(500), hostile(2_000), strict=True)
        if is_slow(markup, little, much)
    ]
    assert not slow
