"""Cut from the shared libraries of a folder what linkers and debuggers read, and programs that load
them do not: what stands behind the last segment, symbols above all. The base has no `strip`."""

import struct
import sys
from pathlib import Path

_OURS = b"\x7fELF\x02\x01"  # of 64 bits, the lowest byte first
_HEADER = struct.Struct("<32xQQ6xHHHHH")
_SEGMENT = struct.Struct("<8xQ16xQ16x")
_SECTIONS_AT, _SECTIONS = slice(40, 48), slice(60, 64)


def stripped(library: bytes) -> bytes:
    """The library without them; as it is, where it is none of these systems'."""
    if not library.startswith(_OURS):
        return library
    at, _, size, count, *_ = _HEADER.unpack_from(library)
    segments = (_SEGMENT.unpack_from(library, at + size * each) for each in range(count))
    end = max(at + size * count, *(begin + length for begin, length in segments))
    kept = bytearray(library[:end])
    for field in (_SECTIONS_AT, _SECTIONS):
        kept[field] = bytes(field.stop - field.start)
    return bytes(kept)


def main(folder: str) -> None:
    """Write each anew."""
    for path in Path(folder).rglob("*.so*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(stripped(path.read_bytes()))


if __name__ == "__main__":
    main(sys.argv[1])
