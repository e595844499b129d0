"""How a web process looks for garbage: a full look holds up every request of the process.

What requests share (compiled statements, addresses, metrics) is made by the first of them, and
stays. Python would walk through all of it every few hundred requests, for 50 ms or more.
"""

import gc
from typing import Any

#: Containers that were made and are not gone again when Python looks through the youngest: those of
#: four requests. Its own 700 are a page of ten rows, and more would hold up others for too long.
_YOUNG = 2_000
#: After so many full looks what requests share is there. What those under way hold then is kept as
#: well, so it is not done after every look.
_SETTLING = 3


class _Settling:
    """Takes what is left by each of the first full looks out of all later ones."""

    def __init__(self) -> None:
        self._looks = 0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if phase != "stop" or info["generation"] < 2:
            return
        gc.freeze()
        self._looks += 1
        if self._looks == _SETTLING:
            gc.callbacks.remove(self)


def collect_rarely() -> None:
    """For a process that answers requests, once."""
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    gc.callbacks.append(_Settling())
