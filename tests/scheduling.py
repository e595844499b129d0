"""Which tests run beside which, when they run in several processes (`pytest -n`)."""

from collections.abc import Iterable, Iterator

from xdist.scheduler import LoadFileScheduling

#: They look at how many processes keep up, so two of them never run at once.
_ONE_AFTER_ANOTHER = (
    "tests/acceptance/attacks/",
    "tests/acceptance/faults/",
    "tests/acceptance/live/",
    "tests/acceptance/test_controls.py",
    "tests/acceptance/test_main_job.py",
    "tests/acceptance/test_shares.py",
)
#: Files that take long, and whose tests wait for processes more than they work. The first is the
#: longest.
_LONG = ("tests/local/test_whole_stack.py", "tests/acceptance/")
#: The last of them begins when so much of the others is to come, which nobody then works at alone.
_LONG_UNTIL = 0.75


class Scheduling(LoadFileScheduling):
    """The tests of a file stay together, and so do all that want a machine for themselves."""

    def _split_scope(self, nodeid: str) -> str:
        return "one after another" if wants_machine(nodeid) else super()._split_scope(nodeid)


def places(files: Iterable[str]) -> dict[str, float]:
    """When each file begins, from 0 to 1.

    What comes one after another is first, or the others wait for it. What waits is spread among
    what works, so that no core is idle while several wait.
    """
    others = [file for file in files if not wants_machine(file)]
    long = [file for prefix in _LONG for file in others if file.startswith(prefix)]
    short = [file for file in others if not file.startswith(_LONG)]
    return dict([*_spread(long, until=_LONG_UNTIL), *_spread(short, until=1)])


def _spread(files: list[str], *, until: float) -> Iterator[tuple[str, float]]:
    for number, file in enumerate(files, 1):
        yield file, until * number / len(files)


def wants_machine(nodeid: str) -> bool:
    """Whether the test is one of those that never run at once."""
    return nodeid.startswith(_ONE_AFTER_ANOTHER)
