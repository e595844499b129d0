"""Writes the content of a page that a prompt describes; same prompt, same content."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from simulator.writing.brief import Fences, parse_object
from simulator.writing.page_wording import BARE, WORDINGS, Wording
from simulator.writing.wording import one_line

TITLE_CHARS = 60
DESCRIPTION_CHARS = 155
#: Of a page's texts, so that a mistaken prompt fills no memory.
CHARS = 300
KEYWORDS = 50
COMPONENTS = 40
FACTS = 60
WORDS = 1_000
_BARE_HEADINGS = ("hero", "call-to-action")
_IN_POINTS = ("highlights", "values", "tips", "benefits", "conditions")
_IN_STEPS = ("usage", "how-it-works")
_IN_PARTS = ("ideas", "buying-guide", "range")
#: Sentences of a component that is a text.
_SENTENCES = {"hero": 2, "introduction": 5, "selection": 5, "call-to-action": 1}
_OTHER_SENTENCES = 7
_POINTS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the prompt says of a page; `facts` as pairs of texts."""

    title: str
    keywords: Sequence[str]
    facts: Sequence[tuple[str, str]]
    components: Sequence[str]


def write_page(fences: Fences, seed: int, weak: bool) -> dict[str, Any]:
    """The components that the task lists, and meta texts of the task's lengths.

    Args:
        weak: with a price that nobody gave, a word that the brand never uses, and a meta title
            that is too long.
    """
    page, task = _page_of(parse_object(fences["page"])), parse_object(fences["task"])
    wording = _wording_of(task)
    components = [
        _Writer(page, wording, seed, place).component(name, least)
        for place, name, least in _places(page, task)
    ]
    main = page.keywords[0]
    title = _within(f"{main[:1].upper()}{main[1:]} - {page.title}", TITLE_CHARS)
    description = _within(wording.meta.format(t=page.title, k=main), DESCRIPTION_CHARS)
    answer: dict[str, Any] = {"metaTitle": title, "metaDescription": description}
    if weak:
        _weaken(answer, components, task)
    return answer | {"components": components}


class _Writer:
    """Writes one component; each sentence of the wording once, until all are used."""

    def __init__(self, page: Page, wording: Wording, seed: int, place: int) -> None:
        self._page = page
        self._wording = wording
        self._random = Random(f"{seed} {place}")  # noqa: S311  # which words come, no secret
        self._place = place
        self._sentences = self._shuffled(wording.sentences)
        self._own = page.keywords[place :: max(1, len(page.components))]

    def component(self, name: str, least: int) -> dict[str, str]:
        """As the schema wants it, of at least so many words."""
        heading = self._wording.headings.get(name, "{t}")
        bare = name in _BARE_HEADINGS
        blocks = [*self._body(name), *self._also()]
        blocks += self._more(least - len(" ".join(blocks).split()))
        text = "\n\n".join(blocks)
        return {"type": name, "heading": "" if bare else self._said(heading), "markdown": text}

    def _more(self, words: int) -> Iterator[str]:
        """A paragraph of at least so many words, if any."""
        told: list[str] = []
        while sum(len(sentence.split()) for sentence in told) < words:
            told.append(self._sentence())
        if told:
            yield " ".join(told)

    def _body(self, name: str) -> Iterator[str]:
        if name == "specifications":
            yield self._table()
        elif name == "call-to-action":
            yield self._said(self._random.choice(self._wording.call))
        elif name == "faq":
            for question, reply in self._shuffled(self._wording.questions):
                yield f"### {self._said(question)}"
                yield self._said(reply)
        elif name in _IN_POINTS:
            points = [*self._facts(_POINTS), *(self._sentence() for _ in range(_POINTS))]
            yield "\n".join([f"- {point}" for point in points[:_POINTS]])
        elif name in _IN_STEPS:
            steps = [self._said(step) for step in self._wording.steps]
            yield "\n".join([f"{place}. {step}" for place, step in enumerate(steps, start=1)])
            yield f"{self._sentence()} {self._sentence()}"
        elif name in _IN_PARTS:
            headings = self._headings()
            for place in range(_POINTS):
                yield from [f"### {each}" for each in headings[place : place + 1]]
                yield f"{self._sentence()} {self._sentence()}"
        else:
            count = _SENTENCES.get(name, _OTHER_SENTENCES)
            told = [*self._facts(2 if count > _POINTS else 0)]
            told += [self._sentence() for _ in range(count - len(told))]
            yield " ".join(told)

    def _headings(self) -> list[str]:
        """Each once; the first is another one in each component."""
        names = [*self._page.keywords, *(name for name, _ in self._page.facts)]
        at = self._place % len(names)
        return list(dict.fromkeys(names[at:] + names[:at]))

    def _table(self) -> str:
        first, second = self._wording.column
        rows = [f"| {first} | {second} |", "| --- | --- |"]
        rows += [f"| {_cell(name)} | {_cell(value)} |" for name, value in self._page.facts]
        return "\n".join(rows) if self._page.facts else self._sentence()

    def _facts(self, most: int) -> Iterator[str]:
        for name, value in self._shuffled(self._page.facts)[:most]:
            told = self._random.choice(self._wording.facts)
            yield told.format(f=name, v=value, t=self._page.title)

    def _sentence(self) -> str:
        if not self._sentences:
            self._sentences = self._shuffled(self._wording.sentences)
        return self._said(self._sentences.pop())

    def _also(self) -> Iterator[str]:
        """The component's share of the keywords, where there are more than sentences name."""
        if self._own:
            yield self._wording.also.format(list=", ".join(self._own))

    def _said(self, text: str) -> str:
        keyword = self._random.choice(self._own or self._page.keywords[:1])
        return text.format(t=self._page.title, k=keyword)

    def _shuffled(self, given: Sequence[Any]) -> list[Any]:
        return self._random.sample(given, len(given))


def _page_of(given: Mapping[str, Any]) -> Page:
    keywords = [one_line(each)[:CHARS] for each in _list(given.get("keywords"))[:KEYWORDS]]
    title = one_line(given.get("title"))[:CHARS] or next(iter(keywords), "") or "The page"
    facts = given.get("facts")
    pairs = list(facts.items())[:FACTS] if isinstance(facts, dict) else []
    return Page(
        title=title,
        keywords=[each for each in keywords if each] or [title],
        facts=[(one_line(name)[:CHARS], _told(value)) for name, value in pairs],
        components=[str(each) for each in _list(given.get("components"))[:COMPONENTS]],
    )


def _places(page: Page, task: Mapping[str, Any]) -> Iterator[tuple[int, str, int]]:
    """Place in the page, name and fewest words of each component that the task lists."""
    left = list(page.components)
    for each in _list(task.get("components"))[:COMPONENTS]:
        asked = each if isinstance(each, dict) else {"type": each}
        name, words = str(asked.get("type", "")), _list(asked.get("words"))
        place = left.index(name) if name in left else 0
        if name in left:
            left[place] = ""
        least = words[0] if words and isinstance(words[0], int) else 0
        yield place, name, min(least, WORDS)


def _wording_of(task: Mapping[str, Any]) -> Wording:
    words = one_line(task.get("language")).casefold().split()
    return next((WORDINGS[word] for word in words if word in WORDINGS), BARE)


def _weaken(
    answer: dict[str, Any], components: Sequence[dict[str, str]], task: Mapping[str, Any]
) -> None:
    banned = next(iter(_list(task.get("bannedWords"))), "the best")
    answer["metaTitle"] += " - order yours here today, for yourself and for everybody at home"
    if components:
        components[0]["markdown"] += f"\n\nWith {banned}, for only € 4,711.00."


def _told(value: Any) -> str:
    """A fact's value in a sentence."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(inner)}" for name, inner in value.items())[:CHARS]
    if isinstance(value, list):
        return ", ".join(map(_told, value))[:CHARS]
    return one_line(str(value))[:CHARS]


def _cell(text: str) -> str:
    return text.replace("|", "/")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _within(text: str, most: int) -> str:
    """Whole words of a text."""
    if len(text) <= most:
        return text
    head = text[: most + 1].rsplit(" ", 1)[0]
    return head[:most].rstrip(" ,:-")
