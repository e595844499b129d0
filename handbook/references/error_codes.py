"""Every code that an answer's `error` may have: the tree of errors, and what the API adds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from batchgen.errors import BatchgenError
from handbook.references.api import document
from handbook.references.markdown import cell, head, table

#: One description may tell of several codes, each with a sentence.
_TOLD = re.compile(r"([A-Z_]{4,}): (.+?)(?= [A-Z_]{4,}: |$)")


@dataclass(frozen=True, kw_only=True, order=True)
class Code:
    """A code, and the status that it comes with."""

    http_status: int
    code: str
    meaning: str


def page() -> str:
    """The page."""
    rows = ((str(each.http_status), f"`{each.code}`", cell(each.meaning)) for each in codes())
    return head("error-codes") + table(("status", "code", "what it means"), rows)


def codes() -> list[Code]:
    """Each once, by status; in the words of its class where there is one."""
    found = {each.code: each for each in (*_of_the_document(), *_of_the_tree())}
    return sorted(found.values())


def _of_the_tree() -> Iterator[Code]:
    for kind in BatchgenError.__subclasses__():
        meaning = " ".join((kind.__doc__ or "").split())
        yield Code(http_status=kind.http_status, code=kind.code, meaning=meaning)


def _of_the_document() -> Iterator[Code]:
    shared = document()["components"]["responses"]
    for operations in document()["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                told = shared.get(response.get("$ref", "").rpartition("/")[2], {})
                for code, meaning in _TOLD.findall(told.get("description", "")):
                    yield Code(http_status=int(status), code=code, meaning=meaning)
