"""A story as a page: its defects where they stand, edits that lose nobody's work, reviews."""

from typing import Any

import pytest

from epics.models import ContentChange, Story
from epics.story_services import story_update
from tests.factories import member_make, project_make
from tests.integration.web.looking import HOSTILE, assert_clean, browser, hidden
from web.highlight import Piece, marked

pytestmark = pytest.mark.django_db


@pytest.fixture
def story() -> Story:
    return project_make(epics=1, stories=1).stories.get()


def form_of(story: Story, **changes: Any) -> dict[str, Any]:
    """The page's form, as it is sent when only this is changed."""
    return {
        "title": story.title,
        "userStory": story.user_story,
        "persona": story.persona,
        "acceptanceCriteria": [*story.acceptance_criteria, "", ""],
        "technicalNotes": story.technical_notes or "",
        "priority": story.priority,
        "effort": story.effort,
        "version": str(story.version),
        **changes,
    }


def save(story: Story, **changes: Any) -> Any:
    client = browser(story.project.created_by)
    return client.post(f"/stories/{story.pk}/", form_of(story, **changes))


def test_an_edit_is_stored_with_its_version(story: Story) -> None:
    answer = save(story, acceptanceCriteria=["The tide is shown.\r\nAlways.", " ", "In metres."])
    assert answer.headers["Location"] == f"/stories/{story.pk}/"
    story.refresh_from_db()
    assert story.acceptance_criteria == ["The tide is shown.\nAlways.", "In metres."]
    assert (story.version, story.technical_notes) == (2, None)
    assert ContentChange.objects.get().fields.keys() == {"acceptanceCriteria"}


def test_a_form_that_changes_nothing_stores_nothing(story: Story) -> None:
    assert save(story).status_code == 302
    story.refresh_from_db()
    assert (story.version, story.edited_at) == (1, None)


def test_a_conflict_shows_what_changed_and_keeps_what_was_typed(story: Story) -> None:
    story_update(story_id=story.pk, changes={"title": "Theirs"})
    answer = save(story, title=f"Mine {HOSTILE}")
    assert answer.status_code == 409
    assert_clean(answer.text)
    assert '<del class="pre">Theirs</del>' in answer.text
    assert '<ins class="pre">Mine ' in answer.text
    assert "Acceptance criteria</th>" not in answer.text
    assert hidden(answer.text, "version") == "2"
    story.refresh_from_db()
    assert story.title == "Theirs"
    assert save(story, title="Mine").status_code == 302
    story.refresh_from_db()
    assert story.title == "Mine"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"userStory": "x" * 20_001}, "userStory"),
        ({"priority": HOSTILE}, "priority"),
        ({"version": HOSTILE, "title": "x"}, "version"),
    ],
)
def test_what_is_wrong_is_told(story: Story, changes: dict[str, Any], field: str) -> None:
    answer = save(story, **changes)
    assert answer.status_code == 400
    assert f"<code>{field}</code>" in answer.text
    assert_clean(answer.text)
    story.refresh_from_db()
    assert story.version == 1


def test_a_review_is_of_the_version_that_was_seen(story: Story) -> None:
    client, address = browser(story.project.created_by), f"/stories/{story.pk}/review/"
    client.post(address, {"status": "approved", "version": "1", "note": "Good."})
    story.refresh_from_db()
    assert (story.review_status, story.review_note) == ("approved", "Good.")
    assert "is approved" in client.get(f"/stories/{story.pk}/").text
    story_update(story_id=story.pk, changes={"title": "Theirs"})
    client.post(address, {"status": "rejected", "version": "1"})
    assert "Somebody changed this in the meantime" in client.get(f"/stories/{story.pk}/").text
    story.refresh_from_db()
    assert story.review_status == "draft"


def test_a_viewer_reads_and_nothing_more(story: Story) -> None:
    page = browser(member_make(story.project, "viewer")).get(f"/stories/{story.pk}/").text
    assert "need the role editor; yours is viewer" in page
    assert "Approve" not in page
    assert f'action="/stories/{story.pk}/"' not in page


def test_hostile_texts_stay_texts(story: Story) -> None:
    Story.objects.update(
        title=HOSTILE,
        user_story=HOSTILE,
        persona=HOSTILE,
        acceptance_criteria=[HOSTILE],
        technical_notes=HOSTILE,
        review_note=HOSTILE,
        defects=[
            {"field": "userStory", "start": 0, "end": 3, "text": HOSTILE[:3], "severity": "high",
             "message": HOSTILE, "suggestion": HOSTILE},
        ],
    )  # fmt: skip
    page = browser(story.project.created_by).get(f"/stories/{story.pk}/").text
    assert_clean(page)
    assert "<mark>" in page


# Defects where they stand -------------------------------------------------------------------------


def defect(text: str | None, start: int | None, field: str | None = "userStory") -> dict[str, Any]:
    end = None if start is None or text is None else start + len(text)
    return {"field": field, "start": start, "end": end, "text": text}


@pytest.mark.parametrize(
    ("defects", "pieces"),
    [
        ([], [("a tide table", ())]),
        ([defect("tide", 2)], [("a ", ()), ("tide", (1,)), (" table", ())]),
        ([defect("tide table", 2), defect("table", 7)],
         [("a ", ()), ("tide ", (1,)), ("table", (1, 2))]),
        ([defect("a tide table", 0)], [("a tide table", (1,))]),
        ([defect("tide", 9)], [("a ", ()), ("tide", (1,)), (" table", ())]),
        ([defect("nothing", 0)], [("a tide table", ())]),
        ([defect(None, None)], [("a tide table", ())]),
        ([defect("tide", 2, "title")], [("a tide table", ())]),
        ([{"message": "older than spans"}], [("a tide table", ())]),
    ],
)  # fmt: skip
def test_defects_are_marked_where_they_stand(
    defects: list[dict[str, Any]], pieces: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert marked("a tide table", "userStory", defects) == [Piece(*piece) for piece in pieces]
