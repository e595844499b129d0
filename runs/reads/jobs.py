"""Items of runs that write pages, as content teams know them: jobs."""

from collections.abc import Sequence
from uuid import UUID

from batchgen.errors import NotFound
from content.pages.models import Page
from content.registry import kinds_of_items
from epics.access import Role, Somebody, project_require
from runs.models import Run, RunItem
from runs.states import ItemStatus


def job_for(*, user: Somebody, item_id: UUID) -> RunItem:
    """An item whose target is a page, with its run and, as `page`, the page whose content it wrote;
    None where there is none, or no more.

    Raises:
        NotFound: there is none that the user may see.
    """
    jobs = RunItem.objects.filter(kind__in=kinds_of_items("page"))
    item = jobs.select_related("run__project").filter(pk=item_id).first()
    if item is None:
        raise NotFound
    project_require(user=user, project=item.run.project, role=Role.VIEWER)
    vars(item)["page"] = _page_written(item)
    return item


def job_ids(*, run: Run, page_ids: Sequence[UUID]) -> list[UUID]:
    """The items of the run that are of these pages, in their order."""
    ids = dict(RunItem.objects.filter(run=run).values_list("target_id", "id"))
    return [ids[page_id] for page_id in page_ids]


def _page_written(item: RunItem) -> Page | None:
    if item.status != ItemStatus.COMPLETED or item.target_id is None:
        return None
    return Page.objects.filter(pk=item.target_id, run_id=item.run_id).first()
