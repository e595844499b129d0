"""Which tests run beside which, when they run in several processes (`pytest -n`)."""

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
#: Files that take long, and whose tests wait for processes more than they work.
_LONG = ("tests/acceptance/", "tests/local/test_whole_stack.py")


class Scheduling(LoadFileScheduling):
    """The tests of a file stay together, and so do all that want a machine for themselves."""

    def _split_scope(self, nodeid: str) -> str:
        return "one after another" if wants_machine(nodeid) else super()._split_scope(nodeid)


def place(nodeid: str) -> int:
    """When a test begins: what comes one after another first, or the others wait for it."""
    return 0 if wants_machine(nodeid) else 1 if nodeid.startswith(_LONG) else 2


def wants_machine(nodeid: str) -> bool:
    """Whether the test is one of those that never run at once."""
    return nodeid.startswith(_ONE_AFTER_ANOTHER)
