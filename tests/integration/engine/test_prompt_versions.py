"""Edited prompts: a run keeps those that it began with, and broken ones are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import ProgrammingError, connection
from django.test import Client
from django.urls import reverse

from batchgen.errors import ValidationFailed, VersionConflict
from content.models import PromptSet
from content.prompt_sets import prompt_set_create, prompt_set_current, prompt_texts
from content.stories.kind import STORIES
from content.stories.prompts.rendering import PROMPTS
from providers.anthropic.client import ProviderClient
from providers.provider import Provider
from providers.values import Answer, CompletionRequest
from runs.engine.controls import run_retry
from runs.engine.lanes import lanes_dispatch
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Lane, Run, RunItem
from runs.states import ItemStatus
from tests.conftest import Simulator
from tests.factories import client_of, user_make
from tests.integration.engine.bench import Bench
from tests.integration.engine.world import World, attempt_make, project_make, worker_make
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)

REPAIR = "repair.md"
USER = "user.md"
OURS = "Speak of patrons. $task $epic $cards"


class Recorder:
    """A provider's client, and what it was asked."""

    batches = None

    def __init__(self, client: Provider) -> None:
        self._client = client
        self.asked: list[CompletionRequest] = []

    async def open(self) -> None:
        await self._client.open()

    async def ask(self, request: CompletionRequest) -> Answer:
        self.asked.append(request)
        return await self._client.ask(request)

    async def close(self) -> None:
        await self._client.close()


class Recording(Bench):
    """A bench that keeps what its provider is asked."""

    def __init__(self, client: Provider) -> None:
        self.recorder = Recorder(client)
        super().__init__(self.recorder)


@pytest.fixture
def bench(simulator: Simulator) -> Iterator[Recording]:
    simulator.reset()
    bench = Recording(
        ProviderClient(api_key="k", base_url=simulator.url, timeout_s=5, max_connections=8)
    )
    yield bench
    bench.close()


def edit(texts: dict[str, str], *, after: int | None = None, note: str = "") -> PromptSet:
    current = prompt_set_current("stories")
    user, _ = User.objects.get_or_create(username="sam", is_staff=True)
    seen = current.version if current else 0
    return prompt_set_create(
        kind="stories",
        prompts=PROMPTS,
        texts=texts,
        note=note,
        user=user,
        after=seen if after is None else after,
    )


def start() -> World:
    run = run_start(
        project=project_make(epics=1, name=f"P{Run.objects.count()}"),
        user=None,
        options=RunOptions(pacing_profile="adaptive", max_concurrency=1),
    )
    run_begin(run_id=run.id)
    return World(run=run, worker=worker_make(f"w{Run.objects.count()}@test"))


def generate(world: World, bench: Recording) -> str:
    """What the first call of the run's next epic says to the model."""
    asked = len(bench.recorder.asked)
    attempt = attempt_make(world, bench)
    assert attempt
    attempt.run()
    return bench.recorder.asked[asked].user


class TestRuns:
    def test_one_that_began_before_an_edit_keeps_the_old_text(self, bench: Recording) -> None:
        before = start()
        made = edit({USER: OURS})
        after = start()
        edit({USER: OURS.replace("patrons", "guests")})
        assert generate(before, bench).startswith("Write the user stories of this epic.")
        assert generate(after, bench).startswith("Speak of patrons. {")
        assert (before.run.prompt_set, after.run.prompt_set) == (None, made)
        assert not RunItem.objects.exclude(status="COMPLETED").exists()
        assert generate(start(), bench).startswith("Speak of guests. {")

    def test_the_texts_of_a_version_are_read_once(self, bench: Recording) -> None:
        edit({USER: OURS})
        prompt_texts.cache_clear()
        for _ in range(3):
            generate(start(), bench)
        assert prompt_texts.cache_info().misses == 1

    def test_back_to_the_files(self, bench: Recording) -> None:
        edit({USER: OURS})
        assert edit({}).version == 2
        world = start()
        assert world.run.prompt_set is None
        assert generate(world, bench).startswith("Write the user stories of this epic.")

    def test_a_retry_goes_by_what_is_current(self) -> None:
        world = start()
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus.FAILED)
        run_finalize(run_id=world.run.id)
        made = edit({USER: OURS})
        world.run.refresh_from_db()
        user = user_make(is_staff=True)
        retry = run_retry(run=world.run, user=user, include_pending=False)
        assert retry.prompt_set == made

    def test_their_calls_share_neither_sizes_nor_caches_with_others(self) -> None:
        keys = []
        for texts in ({}, {USER: OURS}, {USER: f"{OURS} More."}):
            if texts:
                edit(texts)
            world = start()
            Lane.objects.filter(run=world.run).update(state="idle")
            (link,) = lanes_dispatch(run_id=world.run.id)
            said = link.first_call
            keys.append((said["sizeKey"], said["cacheKey"]))
        assert len({size for size, _ in keys}) == 3
        assert all(str(cache).endswith(str(size)) for size, cache in keys)

    def test_none_starts_with_texts_that_do_not_fit_this_release(self) -> None:
        PromptSet.objects.create(kind="stories", version=1, texts={USER: "Only $task."})
        with pytest.raises(ValidationFailed, match="stories, version 1 do not fit") as refused:
            start()
        assert refused.value.details == {USER: ["It lacks $cards, $epic."]}
        assert not Run.objects.exists()

    def test_the_api_and_the_admin_show_the_version(self) -> None:
        edit({USER: OURS})
        made = edit({USER: f"{OURS} More."})
        world = start()
        api = client_of(user_make(is_staff=True))
        assert api.get(f"/api/v1/runs/{world.run.pk}").json()["data"]["promptVersion"] == 2
        page = staff().get(f"/admin/runs/run/{world.run.pk}/change/").content.decode()
        assert (
            f'<a href="/admin/content/promptset/{made.pk}/change/">stories, version 2</a>' in page
        )
        edit({})
        plain = start()
        assert api.get(f"/api/v1/runs/{plain.run.pk}").json()["data"]["promptVersion"] is None


class TestVersions:
    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            (USER, "Only $task and $epic.", "It lacks $cards."),
            (USER, f"{OURS} $secret", "It has $secret, which nothing fills."),
            (USER, f"{OURS} 5 $", "A $ stands alone."),
            (REPAIR, "", "It is empty."),
            (REPAIR, "\u200b\u3164", "It is empty."),
            ("personas/core.md", "x" * 50_001, "It has 50,001 characters; at most 50,000"),
            ("other.md", "x", "There is no template of this name."),
        ],
    )
    def test_a_text_that_does_not_fit_is_refused(self, name: str, text: str, said: str) -> None:
        with pytest.raises(ValidationFailed) as refused:
            edit({name: text})
        details: dict[str, Any] = dict(refused.value.details)
        assert said in details[name][0]
        assert not PromptSet.objects.exists()

    def test_only_what_differs_from_its_file_is_kept_and_cleaned(self) -> None:
        texts = {name: PROMPTS.template(name).text for name in PROMPTS.names}
        made = edit({**texts, USER: f"{OURS}\u202e \r\n\r\nNow."})
        assert made.texts == {USER: f"{OURS}\n\nNow."}
        for again in ({**texts, USER: made.texts[USER]}, dict(made.texts)):
            with pytest.raises(ValidationFailed, match="Nothing is changed"):
                edit(again)

    def test_of_two_editors_at_the_same_time_one_is_told(self) -> None:
        results = race(
            lambda: edit({USER: OURS}, after=0), lambda: edit({USER: f"{OURS} More."}, after=0)
        )
        assert sorted(type(result).__name__ for result in results) == [
            "PromptSet",
            "VersionConflict",
        ]
        assert PromptSet.objects.get().version == 1
        with pytest.raises(VersionConflict):
            edit({USER: OURS + " Later."}, after=0)

    @pytest.mark.parametrize("column", ["texts", "kind", "version", "note"])
    def test_a_version_never_changes(self, column: str) -> None:
        made = edit({USER: OURS}, note="Ours")
        changed: dict[str, Any] = {"texts": {}, "kind": "cards", "version": 7, "note": "x"}
        with pytest.raises(ProgrammingError, match="never changes"):
            PromptSet.objects.update(**{column: changed[column]})
        connection.close()
        made.created_by.delete()  # type: ignore[union-attr]  # sam
        assert PromptSet.objects.get().created_by is None


def staff(*permissions: str, superuser: bool = True) -> Client:
    client = Client()
    client.force_login(user_make(is_staff=True, is_superuser=superuser))
    return client


EDIT = "/admin/content/promptset/of/stories/"


def sent(after: int, **changed: str) -> dict[str, str]:
    """What the form sends, with these texts by their name without `.md`."""
    texts = {name: PROMPTS.template(name).text for name in PROMPTS.names}
    edited = {f"{name}.md": text for name, text in changed.items()}
    return {**texts, **edited, "after": str(after), "note": "For the library", "save": "1"}


class TestAdmin:
    def test_the_list_leads_to_each_kind_and_its_page_shows_the_files(self) -> None:
        admin = staff()
        page = admin.get(reverse("admin:content_promptset_changelist")).content.decode()
        assert EDIT in page
        shown = admin.get(EDIT).content.decode()
        assert shown.count("<textarea") == len(PROMPTS.names)
        assert "Nobody has edited these prompts" in shown
        assert "Exactly these placeholders: $cards, $epic, $task." in shown
        assert "Back to the files" not in shown

    def test_an_edit_makes_a_version_that_shows_what_it_changed(self) -> None:
        admin = staff()
        answer = admin.post(EDIT, sent(0, user=OURS), follow=True)
        made = PromptSet.objects.get()
        assert (made.version, made.texts, made.note) == (1, {USER: OURS}, "For the library")
        page = answer.content.decode()
        assert "Runs that start from now on go by stories, version 1." in page
        assert "-Write the user stories of this epic." in page
        assert "+Speak of patrons. $task $epic $cards" in page
        assert "Nobody has edited" not in admin.get(EDIT).content.decode()
        trail = admin.get(f"/admin/content/promptset/{made.pk}/history/").content.decode()
        assert "Edited." in trail

    def test_broken_texts_are_refused_in_words_and_kept_in_the_form(self) -> None:
        answer = staff().post(EDIT, sent(0, user="Only $task & <b>."))
        assert answer.status_code == 200
        page = answer.content.decode()
        assert "It lacks $cards, $epic." in page
        assert "Only $task &amp; &lt;b&gt;." in page
        assert not PromptSet.objects.exists()

    def test_a_stale_form_is_refused(self) -> None:
        edit({USER: OURS})
        page = staff().post(EDIT, sent(0, user=f"{OURS} More.")).content.decode()
        assert "Somebody saved a newer version" in page
        assert PromptSet.objects.count() == 1

    def test_back_to_the_files_whatever_stands_in_the_form(self) -> None:
        edit({USER: OURS})
        admin = staff()
        assert "Back to the files" in admin.get(EDIT).content.decode()
        data = {**sent(1, user=""), "files": "1"}
        page = admin.post(EDIT, data, follow=True).content.decode()
        assert "+Write the user stories of this epic." in page
        assert prompt_set_current("stories").texts == {}  # type: ignore[union-attr]

    def test_versions_are_only_looked_at(self) -> None:
        made = edit({USER: OURS})
        admin = staff()
        for page in ("add/", f"{made.pk}/delete/"):
            assert admin.get(f"/admin/content/promptset/{page}").status_code == 403
        assert admin.post(f"/admin/content/promptset/{made.pk}/change/", {}).status_code == 403

    def test_nobody_edits_without_the_right(self) -> None:
        assert staff(superuser=False).get(EDIT).status_code == 403
        assert staff(superuser=False).post(EDIT, sent(0, user=OURS)).status_code == 403
        assert Client().get(EDIT).status_code == 302
        assert not PromptSet.objects.exists()

    def test_a_kind_without_prompts_has_no_page(self) -> None:
        assert staff().get("/admin/content/promptset/of/nothing/").status_code == 404
        assert STORIES.prompts is PROMPTS

    def test_the_list_costs_as_many_queries_whatever_its_length(
        self, django_assert_max_num_queries: Any
    ) -> None:
        for turn in range(12):
            edit({USER: f"{OURS} {turn}"})
        admin = staff()
        with django_assert_max_num_queries(8):
            admin.get(reverse("admin:content_promptset_changelist"))
