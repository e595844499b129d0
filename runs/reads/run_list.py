"""The list of runs, with figures."""

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from batchgen.db.compiled_query import CompiledRows
from epics.access import Somebody, is_staff, memberships_writing, projects_of
from runs.models import Run
from runs.reads.selectors import runs_with_figures


def runs_list(
    *,
    user: Somebody,
    project_id: UUID | None = None,
    status: str | None = None,
    type: str | None = None,  # noqa: A002  # the contract's word for it
) -> CompiledRows[Run]:
    """The runs of the projects that the user may read, with figures, each `may_control`led or not
    where the user is no staff."""
    everything = is_staff(user)
    return _Runs(
        _runs,
        user_id=None if everything else user.pk,
        everything=everything,
        project_id=project_id,
        status=status,
        run_type=type,
    )


class _Runs(CompiledRows[Run]):
    """The first of them are found before their figures are asked for: PostgreSQL then knows how few
    they are, and does not gather the lanes and the failed items of all runs first."""

    def limited(self, count: int) -> CompiledRows[Run]:
        return self.then(_first, count=count)


def _first(ordered: "QuerySet[Run]", *, count: int) -> "QuerySet[Run]":
    return ordered.filter(pk__in=ordered.values("pk")[:count])[:count]


def _runs(
    *,
    user_id: int | None,
    everything: bool,
    project_id: UUID | None,
    status: str | None,
    run_type: str | None,
) -> "QuerySet[Run]":
    runs = runs_with_figures(Run.objects.order_by())
    if not everything:
        writing = memberships_writing(user_id=user_id).filter(project=OuterRef("project"))
        runs = runs.filter(project__in=projects_of(user_id=user_id))
        runs = runs.annotate(may_control=Exists(writing))
    if project_id:
        runs = runs.filter(project=project_id)
    if status:
        runs = runs.filter(status=status)
    if run_type:
        runs = runs.filter(type=run_type)
    return runs
