"""LANES: what an epic costs with 1 to 1,000 lanes in one process, answers from memory."""

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, side_by_side, spread
from benchmarks.w0_memory import WARM_UP, engine

_EPICS = 2000
_LANES = (1, 3, 10, 30, 100, 300, 1000)


def run(bench: Bench) -> Rows:
    """All numbers of lanes in turns."""
    rounds = [
        {lanes: _window(bench, lanes) for lanes in _LANES}
        for _ in range(1 if bench.quick else bench.repeats)
    ]
    columns = {f"{lanes:,}": [each[lanes] for each in rounds] for lanes in _LANES}
    return Rows(
        name="LANES",
        title=f"{bench.epics(_EPICS)} epics from memory, one worker, by its lanes",
        rows=side_by_side("per epic", {name: _figures(found) for name, found in columns.items()}),
        notes=["wanted: no cliff"],
    )


def _window(bench: Bench, lanes: int) -> runs.Window:
    bench.empty()
    total = WARM_UP + bench.epics(_EPICS)
    return engine(bench, project_create(epics=total), total, lanes=lanes)


def _figures(windows: list[runs.Window]) -> dict[str, Value]:
    return {
        "epics/s": spread([each.epics_per_s for each in windows], 0),
        "CPU, ms": spread([each.cpu_ms() for each in windows]),
        **{
            f"- {name}, ms": spread([each.cpu_ms(name) for each in windows])
            for name in windows[0].cpu_s
        },
    }
