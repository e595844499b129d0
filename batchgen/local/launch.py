"""Exec another program so that it dies with the process that started it.

Run as a script, never imported: `python -I launch.py PARENT SIGNAL UID GID PROGRAM ARGUMENT…`.
On Linux the kernel sends SIGNAL to the program when PARENT dies, however it dies. The request is
lost when a process changes its user, so the change of user (UID 0: none) happens here, before it.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def _become(parent: int, signal_number: int, uid: int, gid: int, argv: list[str]) -> None:
    if uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the process that asked for this one is gone")
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.exit(f"cannot start {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    parent_, signal_, uid_, gid_ = (int(text) for text in sys.argv[1:5])
    _become(parent_, signal_, uid_, gid_, sys.argv[5:])
