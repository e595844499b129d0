"""How much of a page's text stands in another one, by a signature of 256 characters. Pure.

A signature holds the smallest hashes of the text's shingles, which are each three words in a row:
the share of hashes that two texts have in common is about the share of their shingles (a bottom-k
sketch, Broder 1997). With 48 hashes it is right to within 0.15 in 19 cases of 20.
"""

from base64 import b64decode, b64encode
from heapq import nsmallest
from struct import pack, unpack
from zlib import crc32

from quality.text import words_in

_SHINGLE_WORDS = 3
_HASHES = 48
#: Of a signature; four bytes a hash, in base64.
SIGNATURE_CHARS = _HASHES * 4 * 4 // 3
#: Shorter texts have too little to be told apart by.
_LEAST_SHINGLES = 12


def signature(text: str) -> str:
    """Of a text; "" where it says too little."""
    words = words_in(text.casefold())
    shingles = {
        " ".join(words[at : at + _SHINGLE_WORDS]) for at in range(len(words) - _SHINGLE_WORDS + 1)
    }
    if len(shingles) < _LEAST_SHINGLES:
        return ""
    hashes = {crc32(shingle.encode("utf-8", "surrogatepass")) for shingle in shingles}
    smallest = nsmallest(_HASHES, hashes)
    return b64encode(pack(f">{len(smallest)}I", *smallest)).decode()


def likeness(first: str, second: str) -> float:
    """0 to 1, from the signatures of two texts: about the share of shingles that both have."""
    if not first or not second:
        return 0.0
    ours, theirs = _hashes(first), _hashes(second)
    # Of a list that is shorter nothing is missing: its text has no more shingles.
    smallest = nsmallest(max(len(ours), len(theirs)), ours | theirs)
    return len(ours & theirs & set(smallest)) / len(smallest)


def _hashes(of_signature: str) -> set[int]:
    packed = b64decode(of_signature)
    return set(unpack(f">{len(packed) // 4}I", packed))
