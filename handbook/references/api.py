"""The API's pages, from docs/openapi.yaml: one for each tag, and one of the schemas."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from batchgen.local.local_dir import ROOT
from handbook.references.markdown import cell, head, table
from handbook.references.schemas import outline, said, schema_section

#: Refusals that say something of the operation.
_ITS_OWN = {"400", "403", "404", "409"}
_SAID_ONCE = "ValidationError"
_METHODS = ("get", "post", "put", "patch", "delete")

Operation = dict[str, Any]


@cache
def document() -> dict[str, Any]:
    """docs/openapi.yaml."""
    loaded: dict[str, Any] = yaml.load(
        (ROOT / "docs" / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader
    )
    return loaded


def tags() -> list[str]:
    """The groups of operations, by their names."""
    return sorted({tag for _, _, operation in operations() for tag in operation["tags"]})


def operations() -> Iterator[tuple[str, str, Operation]]:
    """(method, path, operation), as the document has them."""
    for path, item in document()["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def page(tag: str) -> str:
    """The page of one tag."""
    return head("api").format(tag=tag) + "".join(
        _section(method, path, operation)
        for method, path, operation in operations()
        if tag in operation["tags"]
    )


def schemas_page() -> str:
    """The page of all schemas."""
    schemas = document()["components"]["schemas"]
    return head("schemas") + "".join(schema_section(name, each) for name, each in schemas.items())


def _section(method: str, path: str, operation: Operation) -> str:
    parts = [
        f"\n## {operation['summary']}\n",
        f"```http\n{method} {path}\n```\n",
        said(operation.get("description", "")) + "\n",
        _parameters(operation.get("parameters", ())),
        _body(operation),
        _answers(operation["responses"]),
    ]
    return "\n".join(part for part in parts if part.strip())


def _parameters(parameters: Any) -> str:
    rows = [
        (
            f"`{each['name']}`" + (" (required)" if each.get("required") else ""),
            each["in"],
            outline(each["schema"]),
            cell(said(each.get("description", ""))),
        )
        for each in parameters
    ]
    return table(("parameter", "in", "type", "meaning"), rows) if rows else ""


def _body(operation: Operation) -> str:
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    told = [f"`{kind}`: {outline(each['schema'])}" for kind, each in content.items()]
    return f"**Body.** {'; '.join(told)}\n" if told else ""


def _answers(responses: Mapping[str, Any]) -> str:
    good, wrong = [], []
    shared = document()["components"]["responses"]
    for status, response in responses.items():
        name = response.get("$ref", "").rpartition("/")[2]
        if not name:
            good.append(f"**{status}.** {_answered(response)}\n")
        elif status in _ITS_OWN and name != _SAID_ONCE:
            wrong.append(f"- {status}: {cell(shared[name]['description'])}\n")
    return "\n".join(good) + ("\n**Refusals.**\n\n" + "".join(wrong) if wrong else "")


def _answered(response: Mapping[str, Any]) -> str:
    """What a success brings, without the envelope."""
    told = []
    for kind, each in response.get("content", {}).items():
        schema = each.get("schema", {})
        data = schema.get("properties", {}).get("data")
        told.append(f"`{kind}`: {outline(schema)}" if data is None else f"`data`: {outline(data)}")
    return "; ".join(dict.fromkeys(told)) or cell(response.get("description", "")) or "No body."
