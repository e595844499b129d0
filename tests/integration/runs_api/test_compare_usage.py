"""`manage.py compare_usage`: the ledger beside the provider's own report."""

from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from batchgen.db.clock import database_now
from providers.usage_report import DayUsage
from providers.values import Usage
from runs.models import LedgerLine
from runs.reads.usage_compared import usage_compared
from tests.conftest import Simulator

pytestmark = pytest.mark.django_db

MODEL = "claude-sonnet-5-5"


@pytest.fixture(autouse=True)
def admin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs the command is one."""
    monkeypatch.setenv("ANTHROPIC_ADMIN_KEY", "sk-ant-admin")


def line(**changes: Any) -> LedgerLine:
    return LedgerLine.objects.create(
        **{
            "call_id": uuid4(),
            "at": database_now(),
            "item_id": uuid4(),
            "model": MODEL,
            "purpose": "generate",
            "lane": "realtime",
            "certainty": "billed",
            "input_tokens": 100,
            "cache_read_tokens": 0,
            "cache_write_5m_tokens": 0,
            "cache_write_1h_tokens": 0,
            "output_tokens": 10,
            "cost_micro_usd": 300,
        }
        | changes
    )


def shown(**options: Any) -> str:
    out = StringIO()
    call_command("compare_usage", stdout=out, **options)
    return " ".join(out.getvalue().split())


def test_lines_that_others_correct_do_not_count_and_versions_are_one_model() -> None:
    first = line(input_tokens=None, output_tokens=None, certainty="possibly")
    line(call_id=first.call_id, corrects=first.id)
    line(model=f"{MODEL}-20261007")
    line(lane="batch", certainty="possibly", input_tokens=None, output_tokens=None)
    line(at=database_now() - timedelta(days=3))
    today = database_now().date()
    theirs = DayUsage(
        day=today,
        model=f"{MODEL}-latest",
        batch=False,
        usage=Usage(input_tokens=200, output_tokens=25),
    )

    batch, alone = sorted(usage_compared(today, today, [theirs]), key=lambda each: not each.batch)

    assert (batch.ours.total(), batch.theirs.total(), batch.in_doubt) == (0, 0, 1)
    assert (alone.ours["input_tokens"], alone.theirs["input_tokens"]) == (200, 200)
    assert (alone.ours["output_tokens"], alone.theirs["output_tokens"]) == (20, 25)
    assert alone.in_doubt == 0


def test_it_shows_what_differs(settings: Settings, simulator: Simulator) -> None:
    simulator.reset()
    settings.ANTHROPIC_BASE_URL = simulator.url
    assert "agree" in shown()
    line()

    told = shown(days=2)

    assert f"{database_now().date()} │ {MODEL} │ realtime │ input │ 100 │ 0 │ 0 calls" in told
    assert "output │ 10 │ 0" in told
    assert "cache" not in told


def test_without_an_admins_key_there_is_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_ADMIN_KEY")
    with pytest.raises(CommandError, match="ANTHROPIC_ADMIN_KEY"):
        shown()


@pytest.mark.parametrize("days", [0, -1, 367])
def test_how_many_days_is_bounded(days: int) -> None:
    with pytest.raises(CommandError, match="from 1 to 366"):
        shown(days=days)


def test_what_the_provider_refuses_is_told(settings: Settings) -> None:
    settings.ANTHROPIC_BASE_URL = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match="connection to the provider failed"):
        shown()
