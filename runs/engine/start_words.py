"""What people are told of a start."""

from collections.abc import Mapping

from content.kind import counted
from content.registry import Kind
from runs.engine.open_targets import codes_text
from runs.engine.trail import ENGINE, Actor
from runs.models import Run
from runs.states import MoneyLane


def many_key(kind: Kind) -> str:
    """How JSON counts its items: "epics", and of all other kinds "items"."""
    return "epics" if kind.item_kind == "epic" else "items"


def left_out_text(left_out: Mapping[str, str]) -> str:
    """For people: {code: run's id} of targets that a start left out."""
    codes = codes_text(list(left_out))
    return f"Left out, because other runs that are not over include them: {codes}."


def kept_text(kind: Kind, count: int) -> str:
    """For people: so many targets were left out because the run keeps them."""
    return (
        "Left out, because people edited or approved them and the run keeps them: "
        f"{counted(count, kind.item_words)}. Name them, or set keepEdited or keepApproved to false."
    )


def answered_text(run: Run) -> str:
    """`, claude-sonnet-5-5 answered by simulator`, and nothing where nobody is called."""
    return f", {run.model} answered by {run.provider}" if run.provider else ""


def lane_text(run: Run) -> str:
    """`, by batches`, of a run that does not make its calls one by one."""
    return {MoneyLane.BATCH: ", by batches", MoneyLane.CHEAPEST: ", as cheap as possible"}.get(
        MoneyLane(run.lane), ""
    )


def lanes_text(run: Run) -> str:
    """`2 lanes`, and what becomes of them where the engine sets their number."""
    told = counted(run.max_concurrency, ("lane", "lanes"))
    return f"{told} to begin with" if run.adaptive_lanes else told


def start_line(kind: Kind, run: Run, user: Actor | None) -> str:
    """The first line of a run's log."""
    who = user.get_username() if user else ENGINE
    return (
        f"Started by {who}: {counted(run.total_items, kind.item_words)}, "
        f"{kind.options_text(run.options)}, pacing {run.pacing_profile}, "
        f"{lanes_text(run)}{lane_text(run)}{answered_text(run)}."
    )
