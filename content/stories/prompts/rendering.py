"""Prompt templates: loaded once from their files, rendered strictly, named by a hash."""

import hashlib
from functools import cache
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


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


@cache
def template(name: str) -> PromptTemplate:
    """The template in the file `name` (such as "modes/standard.md") of this folder."""
    return PromptTemplate(name=name, text=(_FOLDER / name).read_text(encoding="utf-8"))


@cache
def prompt_version(mode: str, persona_set: str) -> str:
    """12 hex digits that change whenever a template used for this mode and persona set does."""
    names = (
        "instructions.md",
        f"modes/{mode}.md",
        f"personas/{persona_set}.md",
        "project.md",
        "user.md",
        "repair.md",
    )
    joined = "\x00".join(f"{name}\x00{template(name).text}" for name in names)
    return hashlib.sha256(joined.encode()).hexdigest()[:12]
