"""Stories linted over REST and by the command; near-duplicates of a project."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from batchgen.http.throttle import one_at_a_time
from epics.files import story_lint
from epics.files.backlog_import import backlog_import
from quality.duplicates import Budget, Pair, alike_pairs
from tests.factories import backlog_document, client_of, project_make, story_document, user_make

GOOD = "As a Reader, I want to borrow maps, so that I can learn at home."
TWO_WANTS = "As a Reader, I want to lend and sell maps, so that I can live of it."


def lint(file: Path, **options: Any) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("lint_stories", str(file), stdout=out, **options)
    except CommandError as error:
        return out.getvalue() or str(error), error.returncode
    return out.getvalue(), 0


def written(tmp_path: Path, name: str, text: str) -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.django_db
class TestRest:
    def test_what_is_wrong_is_told_with_its_place(self) -> None:
        body = {"stories": [{"userStory": GOOD}, {"userStory": f" {TWO_WANTS}"}]}
        answer = client_of(user_make()).post("/api/v1/stories/lint", body)
        assert answer.status_code == 200
        data = answer.json()["data"]
        assert (data["storyCount"], data["score"], data["bar"]) == (2, 80, 85)
        assert data["passes"] is False
        assert data["severities"] == {"high": 1, "medium": 0, "minor": 0}
        first, second = data["stories"]
        assert first["quality"] == {"score": 100, "defects": []}
        (defect,) = second["quality"]["defects"]
        assert (second["number"], defect["criterion"], defect["field"]) == (
            2,
            "atomic",
            "userStory",
        )
        assert second["userStory"][defect["start"] : defect["end"]] == defect["text"] == "and sell"

    def test_it_stops_at_its_characters_and_says_so(self) -> None:
        long = {"userStory": f"As a Reader, I want to read {'maps ' * 3_900}"}
        answer = client_of(user_make()).post("/api/v1/stories/lint", {"stories": [long] * 20})
        data = answer.json()["data"]
        assert (data["storyCount"], len(data["stories"]), data["truncated"]) == (10, 10, True)
        most = {**long, "acceptanceCriteria": ["when " * 390] * 200}
        answer = client_of(user_make("b")).post("/api/v1/stories/lint", {"stories": [most] * 2})
        assert answer.json()["data"]["storyCount"] == 1

    def test_it_stops_comparing_and_says_so(self) -> None:
        stories = [
            {"userStory": f"As a Reader, I want to read {'a b c d e f g h i j ' * 2} w{n}."}
            for n in range(1_000)
        ]
        answer = client_of(user_make()).post("/api/v1/stories/lint", {"stories": stories[:9]})
        assert answer.json()["data"]["truncated"] is False
        words = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrstuvwx")
        stories = [
            {"userStory": f"As a Reader, I want to read {words} other{n}."} for n in range(1_000)
        ]
        answer = client_of(user_make("b")).post("/api/v1/stories/lint", {"stories": stories})
        data = answer.json()["data"]
        assert (data["storyCount"], data["truncated"]) == (1_000, True)

    def test_one_at_a_time_of_a_user(self) -> None:
        user, other = user_make(), user_make("other")
        body = {"stories": [{"userStory": GOOD}]}
        with one_at_a_time(user.pk, "quality"):
            answer = client_of(user).post("/api/v1/stories/lint", body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "THROTTLED")
            assert answer["Retry-After"] == "1"
            path = f"/api/v1/projects/{project_make(user).pk}/duplicates"
            assert client_of(user).get(path).status_code == 429
            assert client_of(other).post("/api/v1/stories/lint", body).status_code == 200
        assert client_of(user).post("/api/v1/stories/lint", body).status_code == 200

    def test_what_a_story_leaves_out_is_not_judged(self) -> None:
        story = {"userStory": GOOD, "persona": "Clerk", "acceptanceCriteria": []}
        client = client_of(user_make())
        answer = client.post("/api/v1/stories/lint", {"stories": [story]})
        kinds = [d["kind"] for d in answer.json()["data"]["stories"][0]["quality"]["defects"]]
        assert kinds == ["too_few", "role_differs"]

    def test_the_language_and_the_whole_product_are_the_callers(self) -> None:
        client = client_of(user_make())
        german = {"stories": [{"userStory": "Karten leihen"}], "language": "German"}
        assert client.post("/api/v1/stories/lint", german).json()["data"]["passes"]
        lone = {"userStory": "As a Reader, I want to delete a map, so that I save room."}
        whole = {"stories": [lone], "wholeProduct": True}
        told = client.post("/api/v1/stories/lint", whole).json()["data"]["stories"][0]
        assert [d["kind"] for d in told["quality"]["defects"]] == ["missing_step"]

    def test_only_for_who_is_signed_in(self) -> None:
        answer = client_of(None).post("/api/v1/stories/lint", {"stories": [{"userStory": GOOD}]})
        assert answer.status_code == 401

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"stories": []},
            {"stories": [{"userStory": ""}]},
            {"stories": [{"userStory": GOOD}] * (story_lint.MAX_LINTED + 1)},
            {"stories": [{"userStory": GOOD, "priority": "high"}]},
            {"stories": [GOOD]},
        ],
    )
    def test_other_bodies_are_refused(self, body: dict[str, Any]) -> None:
        answer = client_of(user_make()).post("/api/v1/stories/lint", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.django_db
class TestDuplicates:
    def test_of_different_epics_and_none_is_dropped(self) -> None:
        user = user_make()
        document = backlog_document()
        for epic, wants in zip(
            document["epics"],
            (
                ("see all tide of today", "see old tides", "see all tides of today"),
                ("see the tides of today", "lend a boat"),
            ),
            strict=True,
        ):
            epic["stories"] = [
                story_document(
                    f"{epic['code']}-S{place}",
                    userStory=f"As a skipper, I want to {want}, so that I leave in time.",
                )
                for place, want in enumerate(wants, start=1)
            ]
        project = backlog_import(user=user, document=document)
        path = f"/api/v1/projects/{project.pk}/duplicates"
        data = client_of(user).get(path).json()["data"]
        assert (data["storyCount"], data["groupCount"]) == (5, 1)
        (group,) = data["groups"]
        assert group["kind"] == "alike"
        assert 0 < group["similarity"] < 100
        assert [one["code"] for one in group["stories"]] == ["E1-S1", "E1-S3", "E2-S1"]
        assert {one["epicCode"] for one in group["stories"]} == {"E1", "E2"}
        assert project.stories.count() == 5

    def test_within_an_epic_when_asked_for(self) -> None:
        user = user_make()
        project = project_make(user, epics=1, stories=3)
        path = f"/api/v1/projects/{project.pk}/duplicates"
        client = client_of(user)
        assert client.get(path).json()["data"]["groups"] == []
        (group,) = client.get(path, {"epics": "any"}).json()["data"]["groups"]
        assert (group["kind"], group["similarity"], len(group["stories"])) == ("repeated", 100, 3)
        assert client.get(path, {"epics": "some"}).status_code == 400

    def test_it_is_one_query_and_bounded(
        self, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
    ) -> None:
        project = project_make(epics=4, stories=4)
        with django_assert_num_queries(1):
            found = story_lint.project_duplicates(project=project)
        assert (found["groupCount"], found["truncated"]) == (1, False)
        monkeypatch.setattr(story_lint, "MAX_COMPARED", 15)
        answer = client_of(project.created_by).get(f"/api/v1/projects/{project.pk}/duplicates")
        data = answer.json()["data"]
        assert (data["storyCount"], data["truncated"]) == (15, True)
        monkeypatch.setattr(story_lint, "COMPARED_CHARS", 300)
        found = story_lint.project_duplicates(project=project)
        assert 0 < found["storyCount"] < 15
        assert found["truncated"]

    def test_comparing_ends_at_its_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(story_lint, "_COMPARE_BUDGET", 2)
        document = backlog_document(stories=1)
        for place, epic in enumerate(document["epics"]):
            epic["stories"][0]["userStory"] = f"As a Clerk, I want to lend old maps of {place}."
        project = backlog_import(user=user_make(), document=document)
        assert story_lint.project_duplicates(project=project)["truncated"]

    def test_the_connection_goes_back_before_the_work(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[str] = []

        def compare(wants: list[str], budget: Budget) -> list[Pair]:
            given.append("work")
            return alike_pairs(wants, budget)

        monkeypatch.setattr(story_lint, "connection_give_back", lambda: given.append("back"))
        monkeypatch.setattr(f"{story_lint.__name__}.alike_pairs", compare)
        story_lint.project_duplicates(project=project_make(stories=1))
        assert given == ["back", "work"]

    def test_strangers_see_nothing(self) -> None:
        project = project_make(stories=1)
        answer = client_of(user_make()).get(f"/api/v1/projects/{project.pk}/duplicates")
        assert answer.status_code == 404


class TestCommand:
    def test_text_one_story_a_line(self, tmp_path: Path) -> None:
        told, code = lint(written(tmp_path, "some.txt", f"{GOOD}\n\n{TWO_WANTS}\n"))
        assert code == 1
        assert f"line 3: {TWO_WANTS}  [60]" in told
        assert 'high   atomic at "and sell": It joins two wants' in told
        assert GOOD not in told
        assert "2 stories, 1 with defects: 1 high, 0 medium, 0 minor. Score 80 of 100" in told

    def test_without_a_high_defect_it_succeeds(self, tmp_path: Path) -> None:
        told, code = lint(
            written(tmp_path, "some.txt", f"{GOOD}\nAs a Reader, I want to lend a map")
        )
        assert code == 0
        assert "well_formed" in told

    def test_csv_as_exported(self, tmp_path: Path) -> None:
        rows = f'Story code,User story,Acceptance criteria\nS1,"{GOOD}","It is lent.\nIt is shown."'
        told, code = lint(written(tmp_path, "some.CSV", f'\ufeff{rows}\nS2,"{TWO_WANTS}",\n'))
        assert code == 1
        assert "row 2" not in told
        assert "row 4" not in told  # the second record, whatever lines the first takes
        assert "row 3" in told
        assert "acceptance_criteria" in told

    def test_a_projects_json_by_code(self, tmp_path: Path) -> None:
        document = backlog_document(stories=1)
        document["epics"][0]["stories"][0]["userStory"] = TWO_WANTS
        file = written(tmp_path, "some.json", json.dumps(document))
        told, code = lint(file, format="json")
        data = json.loads(told)
        assert code == 1
        assert [story["place"] for story in data["stories"]] == ["E1-S1", "E2-S1"]
        assert data["severities"]["high"] == 1

    def test_cards_where_there_are_no_stories(self, tmp_path: Path) -> None:
        told, _ = lint(written(tmp_path, "some.json", json.dumps(backlog_document())))
        assert "6 stories" in told

    @pytest.mark.parametrize(
        ("name", "text", "reason"),
        [
            ("none.txt", " \n", "holds no stories"),
            ("none.csv", "a,b\n1,2", "User story"),
            ("none.json", "{", "JSON"),
            ("none.json", "{}", "project"),
        ],
    )
    def test_what_cannot_be_read_is_another_exit_code(
        self, tmp_path: Path, name: str, text: str, reason: str
    ) -> None:
        told, code = lint(written(tmp_path, name, text))
        assert code == 2
        assert reason in told

    def test_a_missing_file(self, tmp_path: Path) -> None:
        told, code = lint(tmp_path / "away.txt")
        assert code == 2
        assert "cannot be read" in told
