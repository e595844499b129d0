"""Prompts of every kind: templates in files, filled strictly, and data that stands in them."""

import hashlib
import json
from collections.abc import Sequence
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
        self._variables = frozenset(self._template.get_identifiers())

    def render(self, **variables: str) -> str:
        """Fill the placeholders; values are never scanned for placeholders themselves.

        Raises:
            PromptError: a placeholder has no value, or a value no placeholder.
        """
        if variables.keys() != self._variables:
            missing = sorted(self._variables - variables.keys())
            unused = sorted(variables.keys() - self._variables)
            raise PromptError(f"Template {self.name}: missing {missing}, unused {unused}.")
        return self._template.substitute(variables)


class PromptFolder:
    """The templates of one kind, each a file such as "modes/standard.md"."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, PromptTemplate] = {}

    def template(self, name: str) -> PromptTemplate:
        """The template in the file, which is read once."""
        if name not in self._read:
            text = (self._folder / name).read_text(encoding="utf-8")
            self._read[name] = PromptTemplate(name=name, text=text)
        return self._read[name]

    def version(self, names: Sequence[str]) -> str:
        """12 hex digits that change whenever one of these templates does."""
        joined = "\x00".join(f"{name}\x00{self.template(name).text}" for name in names)
        return hashlib.sha256(joined.encode()).hexdigest()[:12]


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def fenced(value: object) -> str:
    """`value` as one line of JSON that can stand between tags.

    No text inside can close a tag or break the line: `<`, `>`, `&` and the line separators
    that JSON leaves alone are written as escapes.
    """
    return (
        _encode(value)
        .replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\x85", "\\u0085")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )
