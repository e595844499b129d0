"""The URLs of the pages. Each ends with a slash; without it, Django leads there."""

from django.urls import path

from web.parts import EPIC, PAGE, STORY, SUBTASK
from web.views import (
    entrance,
    imports,
    ops,
    pages,
    parts,
    project,
    projects,
    queue,
    run,
    runs,
    start,
)

app_name = "web"
urlpatterns = [
    path("", entrance.home, name="home"),
    path("sign-in/", entrance.sign_in, name="sign-in"),
    path("sign-out/", entrance.sign_out, name="sign-out"),
    path("theme/", entrance.theme, name="theme"),
    path("projects/", projects.projects, name="projects"),
    path("projects/new/", projects.project_new, name="project-new"),
    path("projects/sample/", projects.project_sample, name="project-sample"),
    path("projects/import/", imports.project_import, name="project-import"),
    path("projects/<id:project_id>/", project.project, name="project"),
    path("projects/<id:project_id>/uploads/", project.upload, name="project-uploads"),
    path("projects/<id:project_id>/start/", start.start, name="start"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<id:run_id>/", run.run, name="run"),
    path("runs/<id:run_id>/control/", run.control, name="run-control"),
    path("runs/<id:run_id>/cancel/", run.cancel, name="run-cancel"),
    path("runs/<id:run_id>/retry/", run.retry, name="run-retry"),
    path("runs/<id:run_id>/items/<id:item_id>/", run.item, name="run-item"),
    path("queue/", queue.queue, name="queue"),
    path("queue/pause/", queue.pause_all, name="queue-pause"),
    path("queue/gate/", queue.gate, name="queue-gate"),
    path("ops/", ops.ops, name="ops"),
    path("projects/<id:project_id>/review/", parts.review_many, name="project-review"),
    path("projects/<id:project_id>/pages/new/", pages.page_new, name="page-new"),
    path("projects/<id:project_id>/pages/import/", pages.pages_import, name="pages-import"),
    path("epics/<id:epic_id>/", parts.editor_of(EPIC), name="epic"),
    path("epics/<id:epic_id>/review/", parts.review_of(EPIC), name="epic-review"),
    path("stories/<id:story_id>/", parts.editor_of(STORY), name="story"),
    path("stories/<id:story_id>/review/", parts.review_of(STORY), name="story-review"),
    path("subtasks/<id:subtask_id>/", parts.editor_of(SUBTASK), name="subtask"),
    path("subtasks/<id:subtask_id>/review/", parts.review_of(SUBTASK), name="subtask-review"),
    path("pages/<id:page_id>/", parts.editor_of(PAGE), name="page"),
    path("pages/<id:page_id>/review/", parts.review_of(PAGE), name="page-review"),
]
