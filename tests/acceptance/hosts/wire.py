"""A long wire: `python -m tests.acceptance.hosts.wire DEVICE DEVICE MILLISECONDS`.

Every frame that comes out of one device goes into the other one so much later. It is for kernels
without `sch_netem`; the devices must neither leave checksums to others nor send large frames.
"""

import select
import socket
import sys
import time
from collections import deque

_ALL = 0x0003
_LARGEST = 65_536
#: Frames that this process sent itself are shown to it too.
_OUTGOING = 4


def main() -> None:
    """Carry frames until killed."""
    ends = [_end(name) for name in sys.argv[1:3]]
    delay_s = float(sys.argv[3]) / 1000
    others = {ends[0].fileno(): ends[1], ends[1].fileno(): ends[0]}
    under_way: deque[tuple[float, socket.socket, bytes]] = deque()
    sys.stdout.write("carries\n")
    sys.stdout.flush()
    while True:
        wait_s = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for end in select.select(ends, [], [], wait_s)[0]:
            for frame in _taken(end):
                under_way.append((time.monotonic() + delay_s, others[end.fileno()], frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, other, frame = under_way.popleft()
            try:
                other.send(frame)
            except OSError:  # as wires do
                continue


def _end(name: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    end.bind((name, 0))
    end.setblocking(False)
    return end


def _taken(end: socket.socket) -> list[bytes]:
    frames: list[bytes] = []
    while True:
        try:
            frame, told = end.recvfrom(_LARGEST)
        except BlockingIOError:
            return frames
        if told[2] != _OUTGOING:
            frames.append(frame)


if __name__ == "__main__":
    main()
