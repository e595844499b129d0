"""A web process walks through what all requests share in its first full looks alone."""

import subprocess
import sys

_PROCESS = """
import gc
from batchgen.web.garbage import collect_rarely

before = len(gc.callbacks)
collect_rarely()
shared, frozen = [], []
for _ in range(5):
    shared.append([[] for _ in range(1_000)])
    frozen.append(gc.get_freeze_count())
    gc.collect(0)
    assert gc.get_freeze_count() == frozen[-1]
    gc.collect()
print([later - one > 900 for one, later in zip(frozen, [*frozen[1:], gc.get_freeze_count()])])
print(len(gc.callbacks) - before, gc.get_threshold()[0] > 700, gc.isenabled())
"""


def test_three_full_looks_keep_what_they_leave() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[True, True, True, False, False]", "0 True True"]
