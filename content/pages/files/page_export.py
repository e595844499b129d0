"""Export of a project's pages in four formats: one query, and few pages in memory at a time."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.utils.html import escape

from batchgen.api.output import moment_text
from content.pages.models import Page
from epics.files.backlog_export import Format
from epics.files.csv_rows import csv_rows
from epics.files.markdown import markdown_line
from epics.models import Project

#: Rows that are fetched at once; a page's content may have a hundred thousand characters.
_ROWS = 100
_HTML_HEAD = (
    '<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n<title>{}</title>\n</head>\n<body>\n'
)

Fields = dict[str, Any]


def export_json(project: Project) -> Iterator[str]:
    """The document that an import takes; what is as an import would set it is left out."""
    yield '{\n "pages": ['
    separator = "\n  "
    for page in _pages(project):
        yield separator + json.dumps(_document(page), ensure_ascii=False)
        separator = ",\n  "
    yield "\n ]\n}\n"


def export_csv(project: Project) -> Iterator[str]:
    """One row a page."""
    return csv_rows([list(_COLUMNS)], map(_row, _pages(project)))


def export_markdown(project: Project) -> Iterator[str]:
    """The pages that have content one after the other, each below a title of its own."""
    for page in _written(project):
        yield f"# {markdown_line(page.title or page.url)}\n\n"
        yield f"URL: {markdown_line(page.url)}  \n"
        yield f"Meta title: {markdown_line(page.meta_title)}  \n"
        yield f"Meta description: {markdown_line(page.meta_description)}\n\n"
        yield page_markdown(page)


def page_markdown(page: Page) -> str:
    """A page's content, its components below headings of their own."""
    parts = (
        (f"## {markdown_line(each['heading'])}\n\n" if each["heading"] else "")
        + f"{each['markdown']}\n\n"
        for each in page.content_components
    )
    return "".join(parts)


def export_html(project: Project) -> Iterator[str]:
    """The pages that have content in one document, an article each."""
    yield _HTML_HEAD.format(escape(project.name))
    for page in _written(project):
        yield (
            f'<article id="{escape(page.code)}" data-page-type="{page.page_type}" '
            f'data-url="{escape(page.url)}">\n<h1>{escape(page.title or page.url)}</h1>\n'
            f"<dl>\n<dt>Meta title</dt><dd>{escape(page.meta_title)}</dd>\n"
            f"<dt>Meta description</dt><dd>{escape(page.meta_description)}</dd>\n</dl>\n"
        )
        yield from map(_section, page.content_components)
        yield "</article>\n"
    yield "</body>\n</html>\n"


FORMATS = {
    "json": Format(
        write=export_json, content_type="application/json", suffix="-pages.json", mark=None
    ),
    "csv": Format(
        write=export_csv, content_type="text/csv; charset=utf-8", suffix="-pages.csv", mark=True
    ),
    "html": Format(
        write=export_html, content_type="text/html; charset=utf-8", suffix="-pages.html"
    ),
    "markdown": Format(
        write=export_markdown, content_type="text/markdown; charset=utf-8", suffix="-pages.md"
    ),
}

#: {column of the CSV: its cell}; an import reads those of the inputs.
_COLUMNS: dict[str, Callable[[Page], object]] = {
    "Code": lambda page: page.code,
    "Page type": lambda page: page.page_type,
    "URL": lambda page: page.url,
    "Title": lambda page: page.title,
    "Keywords": lambda page: page.keywords,
    "Language": lambda page: page.language,
    "Components": lambda page: page.components,
    "SKU count": lambda page: page.sku_count,
    "Monthly searches": lambda page: page.monthly_searches,
    "Content status": lambda page: page.content_status,
    "Deadline": lambda page: page.deadline and moment_text(page.deadline),
    "Priority": lambda page: page.priority,
    "Meta title": lambda page: page.meta_title,
    "Meta description": lambda page: page.meta_description,
    "Content": page_markdown,
    "Keyword coverage": lambda page: page.keyword_coverage,
    "Quality score": lambda page: page.quality_score,
    "Review": lambda page: page.review_status if page.has_content else None,
}


def _pages(project: Project) -> Iterator[Page]:
    return Page.objects.filter(project=project).order_by("order", "id").iterator(_ROWS)


def _written(project: Project) -> Iterable[Page]:
    return (page for page in _pages(project) if page.has_content)


def _row(page: Page) -> list[Any]:
    return [cell(page) for cell in _COLUMNS.values()]


def _section(component: Fields) -> str:
    heading = f"<h2>{escape(component['heading'])}</h2>\n" if component["heading"] else ""
    # Made by the sanitiser before it was stored.
    return (
        f'<section data-component="{escape(component["type"])}">\n{heading}'
        f"{component['html']}\n</section>\n"
    )


def _document(page: Page) -> Fields:
    metadata = {"skuCount": page.sku_count, "monthlySearches": page.monthly_searches}
    return {
        "pageType": page.page_type,
        "url": page.url,
        **_filled(
            title=page.title,
            keywords=page.keywords,
            language=page.language,
            brandVoice=page.brand_voice,
            components=page.components,
            facts=page.facts,
        ),
        "metadata": {
            **{key: count for key, count in metadata.items() if count is not None},
            "contentStatus": page.content_status,
        },
        **_filled(deadline=page.deadline and moment_text(page.deadline)),
        **({} if page.priority is None else {"priority": page.priority}),
        **({"content": _content(page)} if page.has_content else {}),
    }


def _content(page: Page) -> Fields:
    quality = {"score": page.quality_score, "defects": page.defects}
    return {
        "metaTitle": page.meta_title,
        "metaDescription": page.meta_description,
        "components": page.content_components,
        "keywordCoverage": page.keyword_coverage,
        **_filled(
            quality=quality if any(quality.values()) else None,
            reviewNote=page.review_note,
            generatedAt=page.generated_at and moment_text(page.generated_at),
            editedAt=page.edited_at and moment_text(page.edited_at),
        ),
        "reviewStatus": page.review_status,
    }


def _filled(**fields: Any) -> Fields:
    return {key: value for key, value in fields.items() if value}
