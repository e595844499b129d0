"""The limit of open files is raised as far as it may be; in processes of their own."""

import subprocess
import sys

import pytest

_LIMITED = """
import resource, sys
from batchgen.descriptors import descriptors_allow

soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(descriptors_allow(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "expected"),
    [
        (100, 400, 300, "300 300 400"),
        (100, 400, 500, "400 400 400"),
        (200, 400, 100, "100 200 400"),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_the_hard_one_lets(
    soft: int, hard: int, wanted: int, expected: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(soft), str(hard), str(wanted)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == expected
