"""The URLs of the pages. Each ends with a slash; without it, Django leads there."""

from django.urls import path

from web.views import (
    entrance,
    imports,
    ops,
    project,
    projects,
    queue,
    run,
    runs,
    start,
    stories,
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
    path("stories/<id:story_id>/", stories.story, name="story"),
    path("stories/<id:story_id>/review/", stories.story_review, name="story-review"),
]
