"""Starting runs from a page: what is offered, and what comes of it."""

from typing import Any

import pytest
from django.utils.timezone import now

from content.registry import run_types
from epics.models import Epic, Project, Story
from runs.models import Quote, Run
from tests.factories import project_make
from tests.integration.pages.world import page_make
from tests.integration.web.looking import HOSTILE, assert_clean, browser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    """One that every type of run finds something in."""
    made = project_make(stories=1)
    page_make(made)
    made.uploads.create(name="n", media_type="text/plain", bytes=1, characters=1, text="x")
    return made


def start(project: Project, run_type: str, **form: Any) -> Any:
    client = browser(project.created_by)
    return client.post(f"/projects/{project.pk}/start/", {"type": run_type, **form})


@pytest.mark.parametrize("run_type", run_types())
def test_each_type_is_offered_and_starts(project: Project, run_type: str) -> None:
    address = f"/projects/{project.pk}/start/?type={run_type}"
    page = browser(project.created_by).get(address)
    assert page.status_code == 200
    assert_clean(page.text)
    assert "Start the run" in page.text
    one = {"target": str(project.epics.all()[0].pk)} if run_type == "GENERATE_STORIES" else {}
    answer = start(project, run_type, **one)
    run = Run.objects.get()
    assert (run.type, answer.headers["Location"]) == (run_type, f"/runs/{run.pk}/")


def test_what_is_chosen_is_what_the_run_has(project: Project) -> None:
    start(
        project,
        "GENERATE_ALL_STORIES",
        which="some",
        target=str(project.epics.get(code="E2").pk),
        mode="comprehensive",
        personaSet="cards",
        pacingProfile="fast",
        priority="",
        maxConcurrency="1",
        deadline="2036-11-30T09:30",
        model="claude-opus-9",
        **{
            "options.language": "German",
            "options.instructions": "Short.\r\nVery.",
            "options.keepApproved": "true",
        },
    )
    run = Run.objects.get()
    assert run.options == {
        "language": "German",
        "instructions": "Short.\nVery.",
        "mode": "comprehensive",
        "persona_set": "cards",
        "skip_quality_check": False,
        "keep_edited": False,
        "keep_approved": True,
    }
    assert list(run.items.values_list("code", flat=True)) == ["E2"]
    assert (run.pacing_profile, run.max_concurrency, run.model) == ("fast", 1, "claude-opus-9")
    assert run.priority_reasons
    assert run.deadline is not None
    assert run.deadline.isoformat() == "2036-11-30T09:30:00+00:00"


def test_the_target_that_the_address_names_is_chosen(project: Project) -> None:
    epic = project.epics.get(code="E2")
    page = browser(project.created_by).get(
        f"/projects/{project.pk}/start/?type=GENERATE_STORIES&target={epic.pk}"
    )
    assert f'<option value="{epic.pk}" selected>' in page.text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"options.instructions": "x" * 4001}, "options.instructions"),
        ({"options.language": HOSTILE}, "options.language"),
        ({"maxConcurrency": HOSTILE}, "maxConcurrency"),
        ({"pacingProfile": "light speed"}, "pacingProfile"),
        ({"deadline": "tomorrow"}, "deadline"),
        ({"which": "some"}, "Choose epics."),
        ({"which": "some", "target": HOSTILE}, "targetIds"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_starts(
    project: Project, form: dict[str, str], told: str
) -> None:
    answer = start(project, "GENERATE_ALL_STORIES", **form)
    assert answer.status_code == 400
    assert told in answer.text
    assert_clean(answer.text)
    assert not Run.objects.exists()


def test_a_run_that_is_active_is_linked_instead(project: Project) -> None:
    start(project, "GENERATE_ALL_STORIES")
    run = Run.objects.get()
    page = browser(project.created_by).get(f"/projects/{project.pk}/start/").text
    assert f'href="/runs/{run.pk}/"' in page
    assert "Start the run" not in page
    again = start(project, "GENERATE_ALL_STORIES")
    assert again.status_code == 409
    assert f'href="/runs/{run.pk}/"' in again.text


def test_many_epics_are_warned_of_on_the_runs_page() -> None:
    project = project_make(epics=16, cards=1)
    client = browser(project.created_by)
    answer = client.post(f"/projects/{project.pk}/start/", {"type": "GENERATE_ALL_STORIES"})
    page = client.get(answer.headers["Location"]).text
    assert "Started: 16 epics" in page
    assert "16 epics in 2 lanes may take about" in page


def test_hostile_titles_are_choices_and_nothing_more(project: Project) -> None:
    Epic.objects.filter(project=project).update(title=HOSTILE)
    page = browser(project.created_by).get(f"/projects/{project.pk}/start/").text
    assert_clean(page)


def test_there_is_nothing_to_start_over() -> None:
    project = project_make(epics=0, cards=0)
    page = browser(project.created_by).get(f"/projects/{project.pk}/start/?type=ANALYZE_CARDS")
    assert "There is nothing to take: no uploads yet." in page.text


class TestQuote:
    def test_the_page_tells_what_is_chosen_would_cost(self, project: Project) -> None:
        answer = start(project, "GENERATE_ALL_STORIES", ask="quote", mode="concise")
        assert answer.status_code == 200
        assert_clean(answer.text)
        for word in ("Realtime", "Batch", "Cheapest", "2 epics", "Not calibrated"):
            assert word in answer.text
        assert not Run.objects.exists()
        quote = Quote.objects.get()
        assert quote.body["options"]["mode"] == "concise"
        assert f'value="{quote.pk}"' in answer.text

    def test_it_says_what_people_wrote_and_the_run_would_replace(self, project: Project) -> None:
        Story.objects.filter(project=project, epic__code="E1").update(edited_at=now())
        answer = start(project, "GENERATE_ALL_STORIES", ask="quote")
        assert "1 story that people edited or approved will be replaced by this run." in answer.text
        kept = start(project, "GENERATE_ALL_STORIES", ask="quote", **{"options.keepEdited": "true"})
        assert "will be replaced" not in kept.text

    def test_a_start_goes_by_the_quote_on_the_page(self, project: Project) -> None:
        start(project, "GENERATE_ALL_STORIES", ask="quote")
        quote = Quote.objects.get()
        start(project, "GENERATE_ALL_STORIES", quoteId=str(quote.pk))
        assert Run.objects.get().quote == quote

    def test_a_start_of_other_choices_goes_without_it(self, project: Project) -> None:
        start(project, "GENERATE_ALL_STORIES", ask="quote")
        quote = Quote.objects.get()
        start(project, "GENERATE_ALL_STORIES", quoteId=str(quote.pk), mode="concise")
        run = Run.objects.get()
        assert (run.quote, run.options["mode"]) == (None, "concise")

    def test_what_cannot_be_quoted_is_told(self, project: Project) -> None:
        answer = start(project, "GENERATE_ALL_STORIES", ask="quote", maxConcurrency="0")
        assert answer.status_code == 400
        assert "No quote" in answer.text
        assert not Quote.objects.exists()

    def test_a_page_that_asks_by_itself_is_told_without_an_error(self, project: Project) -> None:
        """It asks 0.6 s after a choice, when its form may have been sent."""
        start(project, "GENERATE_ALL_STORIES")
        answer = browser(project.created_by).post(
            f"/projects/{project.pk}/start/",
            {"type": "GENERATE_ALL_STORIES", "ask": "quote"},
            headers={"HX-Request": "true"},
        )
        assert answer.status_code == 200
        assert "No quote: Another run" in answer.text

    def test_the_runs_page_shows_what_was_quoted(self, project: Project) -> None:
        start(project, "GENERATE_ALL_STORIES", ask="quote")
        start(project, "GENERATE_ALL_STORIES", quoteId=str(Quote.objects.get().pk))
        page = browser(project.created_by).get(f"/runs/{Run.objects.get().pk}/")
        assert "Quoted" in page.text
        assert_clean(page.text)
