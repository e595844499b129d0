"""Which tests run beside which, when they run in several processes (`pytest -n`)."""

from xdist.scheduler import LoadFileScheduling

#: They start many processes and look at how these keep up, so two of them never run at once.
_ONE_AFTER_ANOTHER = ("tests/acceptance/", "tests/local/test_whole_stack.py")


class Scheduling(LoadFileScheduling):
    """The tests of a file stay together, and so do all that want a machine for themselves."""

    def _split_scope(self, nodeid: str) -> str:
        return "one after another" if wants_machine(nodeid) else super()._split_scope(nodeid)


def wants_machine(nodeid: str) -> bool:
    """Whether the test is one of those that never run at once."""
    return nodeid.startswith(_ONE_AFTER_ANOTHER)
