"""Start the web process: `python -m batchgen.web`, with any of uvicorn's options behind it.

The one way in, for `make up` and the image alike, so that nobody serves without the limits.
"""

import sys

import uvicorn

from batchgen.descriptors import descriptors_allow
from batchgen.web.garbage import collect_rarely

#: A connection is a descriptor.
_DESCRIPTORS = 65_536
_ARGUMENTS = (
    "batchgen.asgi:application",
    *("--http", "batchgen.web.connection:Connection", "--ws", "none"),
    # batchgen knows which proxies are believed, and has an access log without queries.
    *("--no-proxy-headers", "--no-access-log"),
    # Event streams end when they are told to; other answers have so long, in seconds.
    *("--timeout-graceful-shutdown", "2"),
)


def main() -> None:
    """Serve until told to stop."""
    descriptors_allow(_DESCRIPTORS)
    collect_rarely()
    uvicorn.main([*_ARGUMENTS, *sys.argv[1:]], prog_name="python -m batchgen.web")


if __name__ == "__main__":
    main()
