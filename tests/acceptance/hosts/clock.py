"""Celery's own command line with a wall clock that is off: `… clock SECONDS ARGUMENTS…`.

Namespaces of time do not move the clock that programs read; and under libfaketime, which does, each
`time.sleep` of Python's fails.
"""

import sys
import time
from importlib import import_module

import time_machine


def main() -> None:
    """Be the worker, to its end."""
    step_s, *arguments = sys.argv[1:]
    time_machine.travel(time.time() + float(step_s), tick=True).start()
    sys.argv = ["celery", *arguments]
    import_module("celery.__main__").main()


if __name__ == "__main__":
    main()
