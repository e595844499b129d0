"""A project in Django's admin, with runs to start."""

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from batchgen.errors import ItemAlreadyActive, QuotaReached, RunAlreadyActive, ValidationFailed
from epics.admin.backlog import ProjectAdmin
from epics.models import Project
from runs.engine.start import RunOptions, run_start

admin.site.unregister(Project)


@admin.register(Project)
class RunnableProjectAdmin(ProjectAdmin):
    """The backlog's project, with runs to start; the backlog itself knows none."""

    actions = ("generate_all_stories",)

    def has_generate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("runs.add_run")

    @admin.action(description="Generate all stories", permissions=["generate"])
    def generate_all_stories(self, request: HttpRequest, projects: QuerySet[Project]) -> None:
        """Start a run for each of the projects, and tell what came of it."""
        user = request.user if isinstance(request.user, User) else None
        for project in projects.order_by("name"):
            level, text = _generate(project, user)
            messages.add_message(request, level, text)


def _generate(project: Project, user: User | None) -> tuple[int, str]:
    try:
        run = run_start(project=project, user=user, options=RunOptions())
    except RunAlreadyActive as error:
        return messages.WARNING, f"{project}: run {error.details['runId']} is already active."
    except (ItemAlreadyActive, QuotaReached, ValidationFailed) as error:
        return messages.ERROR, f"{project}: {error.message}"
    return messages.SUCCESS, f"{project}: started run {run.pk} over {run.total_items} epics."
