"""What an answer may look like, and what of it counts."""

import json
from typing import Any

import pytest

from content.epics.answer import NotAnEpicSet, parse_epic_set
from content.epics.checking import Checked, Wanted, check
from content.epics.values import Range
from tests.unit.content.epic_samples import answer, merged, written

ONE = written("Lending", ["C1", "C2"])
FEW = Range(least=1, most=3)


def read(*epics: dict[str, Any], **changes: Any) -> Checked:
    """Checked against three cards."""
    said = answer(*epics, unassigned=changes.pop("unassigned", ()))
    plain: dict[str, Any] = {
        "noun": "card",
        "members": ("C1", "C2", "C3"),
        "once": False,
        "kept": (),
        "epics": FEW,
        "ref": "G1",
    }
    return check(parse_epic_set(json.dumps(said)), Wanted(**plain | changes))


def kinds(checked: Checked) -> list[str]:
    return [defect.kind for defect in checked.defects]


class TestForms:
    @pytest.mark.parametrize(
        "text",
        [
            json.dumps(answer(ONE)),
            f"Here they are:\n```json\n{json.dumps(answer(ONE))}\n```",
            json.dumps([ONE]),
            json.dumps({"answer": {"epics": [ONE]}}),
            json.dumps(ONE),
            json.dumps({"epics": [ONE], "unassigned": None}),
        ],
    )
    def test_one_set_is_found(self, text: str) -> None:
        found = parse_epic_set(text)
        assert [epic.title for epic in found.epics] == ["Lending"]
        assert found.epics[0].members == ("C1", "C2")

    @pytest.mark.parametrize("text", ["", "I am sorry", "{}", '{"epics": [{"title": "A"}]}'])
    def test_what_is_no_set_is_named(self, text: str) -> None:
        with pytest.raises(NotAnEpicSet) as caught:
            parse_epic_set(text)
        assert caught.value.defects

    def test_two_sets_are_nobodys_to_choose(self) -> None:
        two = f"{json.dumps(answer(ONE))} or {json.dumps(answer(written('Fines', ['C3'])))}"
        with pytest.raises(NotAnEpicSet, match="2 different sets"):
            parse_epic_set(two)

    @pytest.mark.parametrize("members", ["C1, C2", [{"code": "C1"}, {"code": "C2"}], "C1\nC2"])
    def test_codes_are_read_in_any_form(self, members: object) -> None:
        found = parse_epic_set(json.dumps(answer({**ONE, "cardCodes": members})))
        assert found.epics[0].members == ("C1", "C2")

    @pytest.mark.parametrize(
        ("said", "meant"), [("P2", 2), ("2 (next)", 2), (2.0, 2), ("high", 1), (0, 1), (-4, 1)]
    )
    def test_a_priority_is_a_place(self, said: object, meant: int) -> None:
        found = parse_epic_set(json.dumps(answer({**ONE, "priority": said})))
        assert found.epics[0].priority == meant

    def test_levels_and_sizes_are_read_in_words(self) -> None:
        said = {**ONE, "effort": "Extra large", "impact": "Critical", "dependencies": None}
        (epic,) = parse_epic_set(json.dumps(answer(said))).epics
        assert (epic.effort, epic.impact, epic.dependencies) == ("L", "high", ())

    @pytest.mark.parametrize(
        "said", [{"C3": "A greeting."}, [{"code": "C3", "reason": "A greeting."}]]
    )
    def test_reasons_are_read_in_any_form(self, said: object) -> None:
        found = parse_epic_set(json.dumps({"epics": [ONE], "unassigned": said}))
        assert [(one.code, one.reason) for one in found.unassigned] == [("C3", "A greeting.")]


class TestCards:
    def test_all_placed_is_no_defect(self) -> None:
        checked = read(ONE, written("Fines", ["c3"]))
        assert (checked.defects, checked.left_out) == ((), ())
        assert [epic.members for epic in checked.epics] == [("C1", "C2"), ("C3",)]
        assert checked.passes

    def test_what_is_left_out_is_named(self) -> None:
        checked = read(ONE)
        assert checked.left_out == ("C3",)
        assert not checked.passes
        assert "C3" in checked.defects[0].message

    def test_a_reason_counts_and_none_does_not(self) -> None:
        told = read(ONE, unassigned=[{"code": "C3", "reason": "A greeting."}])
        assert told.passes
        assert [(one.code, one.reason) for one in told.unassigned] == [("C3", "A greeting.")]
        assert read(ONE, unassigned=[{"code": "C3", "reason": " "}]).left_out == ("C3",)

    def test_a_card_that_has_an_epic_needs_no_reason(self) -> None:
        checked = read(
            written("All", ["C1", "C2", "C3"]), unassigned=[{"code": "C3", "reason": "Odd."}]
        )
        assert checked.unassigned == ()

    def test_unknown_and_doubled_codes_are_dropped_with_a_note(self) -> None:
        checked = read(written("All", ["C1", "C1", "C9", "C2", "C3"]))
        assert checked.epics[0].members == ("C1", "C2", "C3")
        assert kinds(checked) == ["unknown"]
        assert "C9" in checked.notes[0]
        assert checked.passes

    def test_a_card_is_in_three_epics_at_most(self) -> None:
        checked = read(*(written(f"Epic {n}", ["C1", "C2", "C3"]) for n in range(4)), epics=FEW)
        assert [len(epic.members) for epic in checked.epics] == [3, 3, 3, 0]
        assert "empty" in kinds(checked)

    def test_noise_is_rare(self) -> None:
        reasons = [{"code": code, "reason": "Noise."} for code in ("C2", "C3")]
        assert not read(written("All", ["C1"]), unassigned=reasons).passes

    def test_a_wrong_number_is_a_defect(self) -> None:
        checked = read(ONE, written("Fines", ["C3"]), epics=Range(least=3, most=4))
        assert kinds(checked) == ["count"]
        assert "3 to 4" in checked.defects[0].suggestion


class TestRelations:
    def test_a_circle_is_told_by_its_titles(self) -> None:
        checked = read(
            written("Lending", ["C1", "C2"], dependencies=["Fines"]),
            written("Fines", ["C3"], dependencies=["Lending"]),
        )
        assert kinds(checked) == ["cycle"]
        assert "Lending → Fines → Lending" in checked.defects[0].message or (
            "Fines → Lending → Fines" in checked.defects[0].message
        )

    def test_a_kept_epic_may_be_named_by_code_or_title(self) -> None:
        epic = written("All", ["C1", "C2", "C3"], dependencies=["E7", "accounts"])
        assert read(epic, kept=("E7", "Accounts")).defects == ()
        assert kinds(read(epic)) == ["dependency", "dependency"]

    def test_equal_titles_are_named(self) -> None:
        assert kinds(read(ONE, written("lending", ["C3"]))) == ["same_title"]


def test_when_epics_are_merged_each_is_in_one() -> None:
    said = answer(merged("A", ["G1-1", "G2-1"]), merged("B", ["G1-1"]))
    wanted = Wanted(
        noun="epic", members=("G1-1", "G2-1", "G2-2"), once=True, kept=(), epics=FEW, ref="M1"
    )
    checked = check(parse_epic_set(json.dumps(said)), wanted)
    assert [epic.members for epic in checked.epics] == [("G1-1", "G2-1"), ()]
    assert checked.left_out == ("G2-2",)
    assert "G1-1" in checked.notes[0]
