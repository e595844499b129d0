"""What kinds foresee of an item's calls is what its steps then want, where nothing is repaired."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from content.cards.parts import PART_CHARS, cut
from content.cards.pipeline import foreseen as cards_foreseen
from content.epics.grouping import grouped
from content.epics.pipeline import foreseen as epics_foreseen
from content.epics.values import Backlog
from content.errors import GenerationError, NothingToGenerate, TargetGone
from content.kind import ForeseesCalls
from content.pages.pipeline import foreseen as pages_foreseen
from content.pipeline import Job, Request, Work
from content.registry import kind_named
from tests.driving import drive
from tests.unit.content import card_samples, epic_samples, page_samples
from tests.unit.content.story_samples import ignore


def refuse(request: Request) -> Any:
    raise AssertionError(f"a call was wanted: {request.key}")


def foreseen(work: Work[tuple[Request, ...]], job: Callable[[Job], Any]) -> tuple[Request, ...]:
    return drive(work, answer=refuse, on_stage=ignore, job=job)


def no_job(job: Job) -> Any:
    raise AssertionError(job.name)


def size(request: Request) -> int:
    return len(request.completion.user)


class TestCards:
    def test_a_long_upload_is_one_call_a_part(self) -> None:
        text = (card_samples.TEXT + "\n\n") * (2 * PART_CHARS // len(card_samples.TEXT))
        parts = cut(text)
        requests = foreseen(cards_foreseen(card_samples.INPUT), lambda _: parts)
        nothing = json.dumps({"cards": []})
        _, provider = card_samples.run(card_samples.INPUT, *[nothing] * len(parts), text=text)
        assert len(parts) == 3
        assert list(requests) == provider.asked

    def test_an_upload_that_is_gone_is_none(self) -> None:
        with pytest.raises(TargetGone):
            foreseen(cards_foreseen(card_samples.INPUT), lambda _: ())


class TestEpics:
    def _foreseen(self, cards: tuple[Any, ...]) -> tuple[Request, ...]:
        def job(wanted: Job) -> Any:
            if wanted.name == "backlog_read":
                return Backlog(cards=cards)
            return grouped(**wanted.args)

        return foreseen(epics_foreseen(epic_samples.epics_input()), job)

    def test_a_small_project_is_one_call(self) -> None:
        cards = epic_samples.cards(40)
        _, provider = epic_samples.run(cards)
        assert list(self._foreseen(cards)) == provider.requests

    def test_a_large_one_is_a_call_a_group_and_one_that_merges(self) -> None:
        cards = epic_samples.long_cards(150)
        _, provider = epic_samples.run(cards)
        requests = self._foreseen(cards)
        groups = len(requests) - 1
        assert list(requests[:groups]) == provider.requests[:groups]
        merge, really = requests[-1], provider.requests[-1]
        assert merge.completion.purpose == really.completion.purpose == "merge"
        assert merge.completion.system == really.completion.system
        assert 0.6 < size(merge) / size(really) < 1.6

    def test_a_huge_one_merges_level_by_level(self) -> None:
        requests = self._foreseen(epic_samples.long_cards(3_000))
        merges = [one.key for one in requests if one.completion.purpose == "merge"]
        assert [key.rsplit("-", 1)[0] for key in merges] == ["merge-1.1", "merge-1.2", "merge-2"]
        assert all(size(one) < 60_000 for one in requests)

    def test_a_project_without_cards_is_none(self) -> None:
        with pytest.raises(NothingToGenerate):
            self._foreseen(())


class TestPages:
    def test_a_page_is_one_call(self) -> None:
        inp = page_samples.generation_input()
        _, provider = page_samples.run(inp, page_samples.GOOD)
        assert list(foreseen(pages_foreseen(inp), no_job)) == provider.asked

    def test_one_that_does_not_fit_is_a_call_a_component(self) -> None:
        inp = page_samples.generation_input(max_tokens=600)
        written = [
            page_samples.answer(page_samples.component("hero")),
            json.dumps({"components": [page_samples.component("highlights")]}),
            json.dumps({"components": [page_samples.component("faq")]}),
        ]
        _, provider = page_samples.run(inp, *written)
        requests = foreseen(pages_foreseen(inp), no_job)
        assert [request.key for request in requests] == [each.key for each in provider.asked]
        assert requests[0] == provider.asked[0]
        for request, really in zip(requests[1:], provider.asked[1:], strict=True):
            assert 0.8 < size(request) / size(really) < 1.5

    def test_one_that_is_kept_is_none(self) -> None:
        inp = page_samples.generation_input(kept=True)
        assert foreseen(pages_foreseen(inp), no_job) == ()

    def test_one_with_nothing_to_write_of_is_none(self) -> None:
        inp = page_samples.generation_input(title="", keywords=(), facts={})
        with pytest.raises(GenerationError):
            foreseen(pages_foreseen(inp), no_job)


@pytest.mark.parametrize(
    ("kind", "several"),
    [
        *(("cards", True), ("epics", True), ("pages", True)),
        *(("stories", False), ("subtasks", False), ("export", False)),
    ],
)
def test_kinds_of_several_calls_foresee_them(kind: str, several: bool) -> None:
    assert isinstance(kind_named(kind), ForeseesCalls) is several
