"""Stages 4, 6 and 7: order, codes, clean text, each story once."""

import json

from content.pipeline import Draft
from content.stories.answer import parse_story_set
from content.stories.drafts import assemble, numbered, with_repair
from content.stories.values import KeptStory, StoryDraft
from content.tidy_text import paragraphs, shortened
from epics import bounds
from quality.text import comparable, one_line
from tests.unit.content.story_samples import (
    GOOD,
    answer,
    card,
    completion,
    generation_input,
    run,
    story,
)


def unchecked(*stories: dict[str, object]) -> Draft[tuple[StoryDraft, ...]]:
    return run(generation_input(skip_quality_check=True), answer(*stories))[0]


def test_drafts_are_ordered_by_priority_and_then_as_the_model_ordered_them() -> None:
    drafts = assemble(
        "E3",
        parse_story_set(
            answer(
                story(0, priority="low"),
                story(1, priority="high"),
                story(2, priority="Medium"),
                story(3, priority="high"),
            )
        ),
    )
    assert [(d.position, d.code, d.title) for d in drafts] == [
        (1, "E3-S1", "Borrow maps at night"),
        (2, "E3-S2", "Borrow games at night"),
        (3, "E3-S3", "Borrow films at night"),
        (4, "E3-S4", "Borrow books at night"),
    ]


def test_a_repair_is_shown_the_stories_with_their_numbers() -> None:
    drafts = assemble("E3", parse_story_set(GOOD))
    shown = json.loads(json.dumps(numbered(drafts)))["stories"]
    assert [one.pop("number") for one in shown] == [1, 2, 3]
    assert shown == json.loads(GOOD)["stories"]


def test_what_a_repair_writes_again_takes_its_place() -> None:
    drafts = assemble("E3", parse_story_set(GOOD))
    again = answer(story(5, i=2), story(6, i=0), story(7, i=2), story(3, i=9, priority="low"))
    found, written = with_repair("E3", drafts, parse_story_set(again))
    nouns = ("books", "prints", "films", "lamps", "seats", "games")
    assert [one.title for one in found] == [f"Borrow {noun} at night" for noun in nouns]
    assert [one.code for one in found] == [f"E3-S{place}" for place in range(1, 7)]
    assert written == 6


def test_a_repair_without_numbers_is_a_whole_set() -> None:
    drafts = assemble("E3", parse_story_set(GOOD))
    found, written = with_repair("E3", drafts, parse_story_set(answer(story(5))))
    assert ([one.title for one in found], written) == (["Borrow prints at night"], 1)


def test_text_is_stored_clean() -> None:
    (kept,) = unchecked(
        story(
            title="  Borrow\x00 \u201cmaps\u201d.\n",
            userStory="As a Reader,\tI want\u00a0to borrow maps\x07, so that I can\r\nlearn.",
            persona=" Reader\ufeff ",
            acceptanceCriteria=[" It\u2019s  lent ", "", "\x00", "It's lent"],
            technicalNotes="First\x00 line \n\n  second\u202e line  ",
        )
    ).content
    assert kept.title == 'Borrow "maps"'
    assert kept.user_story == "As a Reader, I want to borrow maps, so that I can learn."
    assert kept.persona == "Reader"
    assert kept.acceptance_criteria == ("It's lent",)
    assert kept.technical_notes == "First line\nsecond line"


def test_empty_technical_notes_are_none() -> None:
    assert unchecked(story(technicalNotes=" \x00 ")).content[0].technical_notes is None


def test_emoji_and_right_to_left_text_stay() -> None:
    title = "שלום 👩‍👩‍👧 नमस्ते"
    assert unchecked(story(title=title)).content[0].title == title


def test_what_is_larger_than_anybody_may_store_is_cut_and_the_notes_say_so() -> None:
    output = unchecked(
        story(
            title="word " * 1000,
            persona="p" * 1000,
            userStory="u " * 20_000,
            acceptanceCriteria=["c" * 3_000, *map(str, range(250))],
            technicalNotes="n" * 200_000,
        )
    )
    (kept,) = output.content
    assert len(kept.title) <= bounds.TITLE_CHARS
    assert kept.title.endswith("word…")
    assert len(kept.persona) == bounds.NAME_CHARS
    assert len(kept.user_story) <= bounds.TEXT_CHARS
    assert len(kept.acceptance_criteria[0]) == bounds.CRITERION_CHARS
    assert len(kept.acceptance_criteria) == bounds.LIST_ENTRIES
    assert len(kept.technical_notes or "") == bounds.TEXT_CHARS
    assert [(one.criterion, one.story) for one in kept.defects] == [("limit", 1)] * 6
    (note,) = output.notes
    assert note.startswith("too long and cut: E3-S1: title has 4,999 characters. E3-S1: userStory")
    assert note.endswith("… and 1 more")


def test_of_more_stories_than_are_wanted_the_first_are_kept() -> None:
    stories = [story(n % 8, userStory=f"Wish {n}", priority="low") for n in range(400)]
    output = unchecked(*stories, story(1, priority="high"))
    assert len(output.content) == 5
    assert [one.code for one in output.content] == [f"E3-S{n}" for n in range(1, 6)]
    assert output.content[0].priority == "high"
    assert output.notes == ("396 stories were left out, beyond the 5 that are wanted",)


def test_exact_duplicates_are_merged_and_the_rest_renumbered() -> None:
    output, _ = run(
        generation_input(mode="concise"),
        answer(
            story(0),
            story(
                0,
                userStory=str(story(0)["userStory"]).upper(),
                acceptanceCriteria=[
                    str(story(0)["acceptanceCriteria"][0]).upper(),  # type: ignore[index]  # a list
                    "The loan is listed after 1 s.",
                ],
            ),
            story(1),
            story(2, persona="Guest"),
        ),
        completion("", "refusal"),
    )
    assert [(one.position, one.code) for one in output.content] == [
        (1, "E3-S1"),
        (2, "E3-S2"),
        (3, "E3-S3"),
    ]
    assert output.content[0].acceptance_criteria[2:] == ("The loan is listed after 1 s.",)
    assert [defect.story for defect in output.content[2].defects] == [3]
    assert output.notes[-1] == "1 duplicate story was merged"


def test_the_draft_has_the_notes_of_all_stages() -> None:
    output, _ = run(
        generation_input(cards=tuple(card(n) for n in range(12))),
        answer(story(0), story(0), story(1), story(2)),
        completion("", "refusal"),
    )
    assert output.summary == "3 stories"
    assert len(output.notes) == 3


def test_what_a_kept_story_wants_is_not_written_again() -> None:
    want = str(story(1)["userStory"]).replace("learn at home", "teach")
    kept = (KeptStory(title="Mine", user_story=want),)
    output, _ = run(generation_input(kept=kept), answer(story(0), story(1), story(2)))
    assert [one.title for one in output.content] == [story(0)["title"], story(2)["title"]]
    assert [one.code for one in output.content] == ["E3-S1", "E3-S2"]
    assert output.notes == ("1 duplicate story was left out for one that is kept",)


def test_text_helpers() -> None:
    assert one_line(" a \x00 b\u200b ") == "a b"
    assert paragraphs("a\r\n\r\n b ") == "a\nb"
    assert comparable("The  “Map”, 2nd!") == comparable("the map 2ND")
    assert shortened("short", 5) == "short"
    assert shortened("some longer words", 12) == "some longer…"
    assert shortened("x" * 20, 10) == "x" * 9 + "…"
