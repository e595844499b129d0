"""Pages for tests."""

from typing import Any

from django.db.models.functions import Now

from content.pages.models import Page
from content.pages.services import components_stored, page_create
from epics.models import Project

CONTENT: dict[str, Any] = {
    "metaTitle": "Seile für Segler",
    "metaDescription": "Was ein Seil hält.",
    "components": [
        {"type": "introduction", "heading": "Seile", "markdown": "Ein **Seil** hält.\n\n- eins"},
        {"type": "faq", "heading": "", "markdown": "Hält es? *Ja.*"},
    ],
}


def page_make(project: Project, url: str = "/rope", **fields: Any) -> Page:
    """A page of the project."""
    given = {"page_type": "category", "url": url, **fields}
    return page_create(project_id=project.pk, fields=given)


def page_write(page: Page, **fields: Any) -> Page:
    """Content as a run leaves it."""
    content = {
        "meta_title": CONTENT["metaTitle"],
        "meta_description": CONTENT["metaDescription"],
        **components_stored(CONTENT["components"]),
        "keyword_coverage": 0.5,
        "quality_score": 90,
        "defects": [{"criterion": "keywords", "kind": "missing", "severity": "minor"}],
        "generated_at": Now(),
        "content_status": "current",
        **fields,
    }
    Page.objects.filter(pk=page.pk).update(**content)
    page.refresh_from_db()
    return page


def page_body(url: str = "/rope", **fields: Any) -> dict[str, Any]:
    """A page as it is sent."""
    return {"pageType": "category", "url": url, **fields}
