"""How many descriptors this process may have: files and connections alike."""

import resource
from contextlib import suppress


def descriptors_allow(wanted: int) -> int:
    """Raise the soft limit to `wanted` where it is lower, as far as the hard one lets.

    What starts programs often leaves them 1,024.

    Returns:
        How many of them the process may have now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not _allows(soft, wanted):
        most = wanted if _allows(hard, wanted) else hard
        with suppress(ValueError, OSError):  # the system's own bound may be lower than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return wanted if _allows(soft, wanted) else soft


def _allows(limit: int, wanted: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= wanted
