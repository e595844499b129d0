"""A stream of bytes as lines, of which none fills the memory; pure."""

from collections.abc import Iterator

#: Of a line that is too long, which is no JSON any more: enough to see what it began with.
_KEPT_BYTES = 1_000


class LineSplitter:
    """Cuts chunks into lines, however they fall."""

    def __init__(self, *, longest: int) -> None:
        """`longest`: bytes of a line that is passed on whole."""
        self._longest = longest
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that end in this chunk, without their ends."""
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._keep(end)
            yield self.rest()
        self._keep(rest)

    def rest(self) -> bytes:
        """What came since the last line's end; that begins anew."""
        line = b"".join(self._pieces)
        too_long = self._size > self._longest
        self._pieces, self._size = [], 0
        return line[:_KEPT_BYTES] if too_long else line

    def _keep(self, piece: bytes) -> None:
        if room := max(self._longest - self._size, 0):
            self._pieces.append(piece[:room])
        self._size += len(piece)
