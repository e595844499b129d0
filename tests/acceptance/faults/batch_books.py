"""What must hold of slices, their batches and their bill after a schedule (I2, I4, I15)."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any
from uuid import UUID

import httpx2
from django.core.management import call_command
from django.db.models import Sum

from runs.engine.ledger import ledger_drift
from runs.models import LedgerLine, ProviderBatch, ProviderCall, Run, RunItem
from runs.states import BATCH_OUT, CallLane
from tests.acceptance.faults.batch_kinds import DAY_S, FOREIGN
from tests.acceptance.faults.bed import NotInTime, Provider, wait_for
from tests.acceptance.faults.invariants import (
    check_counters,
    check_open,
    check_rest,
    doubled_items,
    lost_items,
)
from tests.acceptance.faults.journal import Journal
from tests.acceptance.faults.scene import Scene

_REST_S = 60.0
_HEADERS = {"x-api-key": "none", "anthropic-version": "2023-06-01"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """Micro-dollars: the provider's bill, and what the ledger knows of it."""

    bill: int
    billed: int
    possibly: int
    #: Once it is reconciled.
    reconciled: int


@dataclass(kw_only=True, slots=True)
class Books:
    """What the books say after a schedule."""

    runs: int
    items: Counter[str]
    codes: Counter[str]
    slices: Counter[str]
    batches: int
    foreign: int
    money: Money


def books_checked(scenes: list[Scene]) -> Books:
    """Check it all; what does not hold is in the journal's violations."""
    journal, provider = scenes[0].journal, scenes[0].bed.provider
    _rest(journal, provider)
    runs = list(Run.objects.filter(id__in=[run.id for scene in scenes for run in scene.runs]))
    for scene in scenes:
        own = sorted((run for run in runs if run in scene.runs), key=lambda run: run.created_at)
        items = list(RunItem.objects.filter(run__in=own).order_by("run__created_at", "order"))
        lost_items(scene, own, items)
        doubled_items(scene, items)
    check_counters(journal, runs)
    check_open(journal)
    batches = dict(_batches(provider))
    _check_batches(journal, runs, batches)
    money = _check_money(journal, provider, runs)
    ids = [run.id for run in runs]
    found = RunItem.objects.filter(run__in=ids)
    foreign = [name for name, called in batches.items() if _is_foreign(called)]
    return Books(
        runs=len(runs),
        items=Counter(found.values_list("status", flat=True)),
        codes=Counter(found.filter(status="FAILED").values_list("error_code", flat=True)),
        slices=Counter(ProviderBatch.objects.values_list("state", flat=True)),
        batches=len(batches) - len(foreign),
        foreign=len(foreign),
        money=money,
    )


def _rest(journal: Journal, provider: Provider) -> None:
    provider.advance(DAY_S)
    out = ProviderBatch.objects.filter(state__in=BATCH_OUT)
    try:
        wait_for(lambda: not out.exists(), "no slice is out", timeout_s=_REST_S)
    except NotInTime:
        journal.violate("I9", f"slices are out: {list(out.values_list('state', 'intent_at'))}")
    check_rest(journal)


def _batches(provider: Provider) -> Iterator[tuple[str, list[str]]]:
    """Each batch that the provider ever had, and the ids of its results."""
    with httpx2.Client(base_url=provider.url, headers=_HEADERS, timeout=60) as client:
        params: dict[str, Any] = {"limit": 100}
        while True:
            page = client.get("/v1/messages/batches", params=params).raise_for_status().json()
            for each in page["data"]:
                told = client.get(f"/v1/messages/batches/{each['id']}/results").raise_for_status()
                yield each["id"], [json.loads(line)["custom_id"] for line in told.iter_lines()]
            if not page["has_more"]:
                return
            params["after_id"] = page["last_id"]


def _is_foreign(names: Iterable[str]) -> bool:
    return all(name.startswith(FOREIGN) for name in names)


def _check_batches(journal: Journal, runs: list[Run], batches: dict[str, list[str]]) -> None:
    """I4: each intent is one batch at most, each request is in one at most, and none is unknown."""
    calls = ProviderCall.objects.filter(item__run__in=runs, lane=CallLane.BATCH)
    slice_of: dict[str, UUID | None] = {
        call_id.hex: batch_id for call_id, batch_id in calls.values_list("id", "batch_id")
    }
    of_slice: dict[UUID | None, set[str]] = defaultdict(set)
    seen: Counter[str] = Counter()
    for name, called in batches.items():
        if _is_foreign(called):
            continue
        slices = {slice_of.get(each) for each in called}
        if len(slices) != 1 or None in slices:
            journal.violate("I4", f"batch {name} has requests of {len(slices)} slices")
        for slice_id in slices:
            of_slice[slice_id].add(name)
        seen.update(called)
    for slice_id, names in of_slice.items():
        if len(names) > 1:
            journal.violate("I4", f"slice {slice_id} is {len(names)} batches")
    if doubled := [name for name, times in seen.items() if times > 1]:
        journal.violate("I4", f"{len(doubled)} requests are in several batches")
    known = ProviderBatch.objects.filter(provider_batch_id__isnull=False)
    for batch in known:
        if of_slice.get(batch.id) != {batch.provider_batch_id}:
            journal.violate("I4", f"slice {batch} is {of_slice.get(batch.id)}")


def _check_money(journal: Journal, provider: Provider, runs: list[Run]) -> Money:
    """I15: what is booked encloses the bill, and is the bill once it is reconciled."""
    bill = sum(
        line["micro_usd"]
        for line in provider.billed()
        if not (line["custom_id"] or "").startswith(FOREIGN)
    )
    billed, possibly = booked("billed", runs), booked("possibly", runs)
    if not billed <= bill <= billed + possibly:
        journal.violate("I15", f"the bill is {bill}, booked are {billed}, possibly {possibly}")
    for row in ledger_drift():
        journal.violate("I15", f"the ledger does not add up: {row}")
    call_command("ledger", "reconcile", stdout=StringIO())
    reconciled = booked("billed", runs)
    if (reconciled, booked("possibly", runs)) != (bill, 0):
        left = booked("possibly", runs)
        journal.violate("I15", f"reconciled are {reconciled}, possibly {left}; the bill is {bill}")
    check_counters(journal, runs)
    return Money(bill=bill, billed=billed, possibly=possibly, reconciled=reconciled)


def booked(certainty: str, runs: Collection[Run] | None = None) -> int:
    """Micro-dollars of lines of this certainty, but those that others correct.

    Args:
        runs: only theirs.
    """
    corrected = LedgerLine.objects.filter(corrects__isnull=False).values("corrects")
    lines = LedgerLine.objects.exclude(id__in=corrected).filter(certainty=certainty)
    if runs is not None:
        lines = lines.filter(run_id__in=[run.id for run in runs])
    return lines.aggregate(n=Sum("cost_micro_usd"))["n"] or 0
