"""Words for pages, by language, as `page_wording.toml` lists them."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """What a page is made of in one language.

    Args:
        headings: of components, by their names.
        questions: question and answer.
        column: what heads the two columns of a table of facts.
        also: names all of a component's keywords, as `{list}`.
    """

    headings: Mapping[str, str]
    meta: str
    sentences: Sequence[str]
    facts: Sequence[str]
    steps: Sequence[str]
    questions: Sequence[tuple[str, str]]
    column: tuple[str, str]
    also: str
    call: Sequence[str]


_READ = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
#: By a language's English name in lower case.
WORDINGS = {name: Wording(**listed) for name, listed in _READ.items()}
#: Nothing but the page's own words.
BARE = WORDINGS.pop("bare")
