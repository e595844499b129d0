"""Prompts of every kind: templates in files, filled strictly, and data that stands in them."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Template


class PromptError(Exception):
    """A template and the variables for it do not fit together: a programming error."""


class PromptTemplate:
    """A text with `$name` placeholders that takes exactly its variables."""

    def __init__(self, *, name: str, text: str) -> None:
        self.name = name
        self.text = text.strip()
        self._template = Template(self.text)
        if not self._template.is_valid():
            raise PromptError(f"Template {name} has a stray $; write $$ for a dollar sign.")
        self.variables = frozenset(self._template.get_identifiers())

    def render(self, **variables: str) -> str:
        """Fill the placeholders; values are never scanned for placeholders themselves.

        Raises:
            PromptError: a placeholder has no value, or a value no placeholder.
        """
        if variables.keys() != self.variables:
            missing = sorted(self.variables - variables.keys())
            unused = sorted(variables.keys() - self.variables)
            raise PromptError(f"Template {self.name}: missing {missing}, unused {unused}.")
        return self._template.substitute(variables)


class PromptFolder:
    """The templates of one kind, each a file such as "modes/standard.md", or a text in its place.

    Each instance is a value: what is made of its templates may be kept under it.
    """

    def __init__(self, folder: Path, edited: Mapping[str, PromptTemplate] | None = None) -> None:
        self.folder = folder
        self._templates = dict(edited or {})

    @property
    def names(self) -> list[str]:
        """Of all templates, in order of the alphabet."""
        paths = self.folder.rglob("*.md")
        return sorted(path.relative_to(self.folder).as_posix() for path in paths)

    def template(self, name: str) -> PromptTemplate:
        """The template of this name; a file is read once."""
        if name not in self._templates:
            text = (self.folder / name).read_text(encoding="utf-8")
            self._templates[name] = PromptTemplate(name=name, text=text)
        return self._templates[name]

    def version(self, names: Sequence[str]) -> str:
        """12 hex digits that change whenever one of these templates does."""
        joined = "\x00".join(f"{name}\x00{self.template(name).text}" for name in names)
        return hashlib.sha256(joined.encode()).hexdigest()[:12]

    def edited(self, texts: Mapping[str, str]) -> "PromptFolder":
        """These, but some with the texts that somebody gave them; one value for the same texts.

        A text that does not fit is left out: see `misfit`.
        """
        return _edited(self, tuple(sorted(texts.items()))) if texts else self

    def misfit(self, name: str, text: str) -> str:
        """What keeps a text from taking the place of this template's, for people; "" if nothing."""
        if name not in self.names:
            return "There is no template of this name."
        try:
            given = PromptTemplate(name=name, text=text)
        except PromptError:
            return "A $ stands alone. Write $$ for a dollar sign."
        wanted = self.template(name).variables
        missing = _listed(wanted - given.variables)
        unknown = _listed(given.variables - wanted)
        return " ".join(
            [f"It lacks {missing}."] * bool(missing)
            + [f"It has {unknown}, which nothing fills."] * bool(unknown)
        )


@lru_cache(maxsize=64)
def _edited(prompts: PromptFolder, texts: tuple[tuple[str, str], ...]) -> PromptFolder:
    fitting = {
        name: PromptTemplate(name=name, text=text)
        for name, text in texts
        if not prompts.misfit(name, text)
    }
    return PromptFolder(prompts.folder, fitting)


def _listed(variables: Iterable[str]) -> str:
    return ", ".join(f"${variable}" for variable in sorted(variables))


def fenced_within(value: object, most: int) -> str:
    """`fenced`, but of what is longer than that only the beginning, as a text."""
    shown = fenced(value)
    if len(shown) <= most:
        return shown
    return fenced((value if isinstance(value, str) else shown)[:most])


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def fenced(value: object) -> str:
    """`value` as one line of JSON that can stand between tags.

    No text inside can close a tag or break the line: `<`, `>`, `&` and the line separators
    that JSON leaves alone are written as escapes.
    """
    return _closed(_encode(value))


def fenced_lines(values: Iterable[object]) -> str:
    """Each value as `fenced` has it, on a line of its own."""
    return _closed("\n".join(map(_encode, values)))


def _closed(text: str) -> str:
    return (
        text.replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\x85", "\\u0085")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )
