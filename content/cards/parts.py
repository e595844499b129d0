"""Cut a long text into parts that overlap, at paragraphs where there are any; pure."""

from content.cards.values import Part

#: Of one part: about 6,000 tokens. A model that is given more at once overlooks more.
PART_CHARS = 24_000
#: What two neighbours share, so that what is said across a cut is whole in one of them.
OVERLAP_CHARS = 1_200
#: A text is cut at the first of these that there is, the last one there.
_BREAKS = ("\n\n", "\n", ". ", " ")


def cut(text: str, *, most: int = PART_CHARS, overlap: int = OVERLAP_CHARS) -> tuple[Part, ...]:
    """The parts of the text, in order, each of `most` characters or fewer. Together they hold
    all of it, and two neighbours share at most `overlap` characters.

    Args:
        overlap: less than half of `most`.
    """
    texts: list[str] = []
    start = 0
    while len(text) - start > most:
        end = _end(text, start + most // 2, start + most)
        texts.append(text[start:end])
        start = _begin(text, end - overlap, end)
    texts.append(text[start:])
    return tuple(
        Part(number=number, parts=len(texts), text=part)
        for number, part in enumerate(texts, start=1)
    )


def _end(text: str, least: int, most: int) -> int:
    """Behind the last break between two places."""
    for mark in _BREAKS:
        at = text.rfind(mark, least, most)
        if at >= 0:
            return at + len(mark)
    return most


def _begin(text: str, least: int, most: int) -> int:
    """Behind the first break between two places."""
    for mark in _BREAKS:
        at = text.find(mark, least, most)
        if at >= 0:
            return min(at + len(mark), most)
    return most
