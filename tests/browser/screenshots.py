"""`make screenshots`: the main pages as docs/images has them: light, dark and narrow."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from batchgen.local.local_dir import ROOT
from content.pages.models import Page as WrittenPage
from content.pages.services import components_stored
from epics.models import Project, Story
from epics.samples import sample_load
from epics.services import project_create
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Run, RunItem
from runs.states import ItemStatus
from tests.browser.look import Tab
from tests.integration.engine.world import World, worker_make
from tests.integration.pages.world import page_make, page_write
from tests.integration.web.states import owner, staff

Opens = Callable[..., Tab]

FOLDER = ROOT / "docs" / "images"
_WIDE, _NARROW = {"width": 1200, "height": 850}, {"width": 390, "height": 844}
_LOOKS = {
    "light": {"viewport": _WIDE, "color_scheme": "light"},
    "dark": {"viewport": _WIDE, "color_scheme": "dark"},
    "narrow": {"viewport": _NARROW, "color_scheme": "light"},
}


def sample_run() -> Run:
    """A run over the sample, in the middle, with what fails now and then; beside it, projects that
    wait for theirs."""
    for name, code in (("Harbour office website", "SITE"), ("Berth holders' app", "APP")):
        project_create(user=owner(), fields={"name": name, "code": code})
    project = sample_load(user=owner())
    options = RunOptions(pacing_profile="adaptive", max_concurrency=2)
    run = run_start(project=project, user=owner(), options=options)
    run_begin(run_id=run.id)
    world = World(run=run, worker=worker_make())
    for place in range(4):
        step = world.claim()
        assert step is not None
        done = place < 3
        world.finish(step, status=ItemStatus.COMPLETED if done else ItemStatus.FAILED)
        if not done:
            failed = RunItem.objects.filter(pk=step.fence.item_id)
            failed.update(error_code="PROVIDER_TIMEOUT", error="No answer within 300 s.")
    world.claim()
    run_finalize(run_id=run.id)
    story = Story.objects.filter(run_id=run.pk).order_by("pk")[0]
    text = "As a harbour master, I want to see and assign berths, so that no boat waits."
    Story.objects.filter(pk=story.pk).update(
        title="Assign berths",
        user_story=text,
        persona="harbour master",
        quality_score=60,
        acceptance_criteria=[
            "Given a free berth, when it is assigned, then the map shows the boat's name.",
            "An assigned berth cannot be assigned again.",
        ],
        defects=[
            {
                "severity": "high", "message": "The story wants two things at once.",
                "suggestion": "Write a story for each.", "field": "userStory",
                "start": text.index("see"), "end": text.index(" berths"), "text": "see and assign",
            }
        ],
    )  # fmt: skip
    return run


def sample_page(project: Project) -> WrittenPage:
    """A page of the marina's website, with a claim that nobody made."""
    text = "Forty berths, with water and power at each. The quietest on the coast."
    components = [
        {"type": "introduction", "heading": "A berth for tonight", "markdown": text},
        {"type": "faq", "heading": "What boats ask", "markdown": "Until when may we come? Always."},
    ]
    claim = "The quietest on the coast"
    defect = {
        "severity": "medium", "message": "A superlative that the facts do not make.",
        "suggestion": "Leave it out.", "field": "components[0].markdown",
        "start": text.index(claim), "end": text.index(claim) + len(claim), "text": claim,
    }  # fmt: skip
    made = page_make(project, "/berths", title="Berths", keywords=["berth"], facts={"berths": 40})
    return page_write(
        made,
        meta_title="Berths at Quayside",
        meta_description="Water and power at each of forty berths.",
        **components_stored(components),
        keyword_coverage=1.0,
        defects=[defect],
    )


@pytest.mark.parametrize("look", _LOOKS)
def test_screenshots(tab: Opens, look: str) -> None:
    """Takes them; nothing is compared."""
    run = sample_run()
    story = Story.objects.filter(title="Assign berths")[0]
    page_made = sample_page(run.project)
    FOLDER.mkdir(exist_ok=True)
    page: Page = tab(staff(), **_LOOKS[look]).page
    for name, address in {
        "projects": "/projects/",
        "project": f"/projects/{run.project_id}/",
        "start": f"/projects/{run.project_id}/start/?type=GENERATE_SUBTASKS",
        "run": f"/runs/{run.pk}/",
        "story": f"/stories/{story.pk}/",
        "money": "/money/",
        "queue": "/queue/",
        "page": f"/pages/{page_made.pk}/",
    }.items():
        page.goto(address)
        if name == "run":
            expect(page.locator("[data-connection]")).to_have_text("Live")
        if name == "start":
            expect(page.get_by_role("table")).to_be_visible()
        page.screenshot(path=Path(FOLDER, f"{name}-{look}.png"))
