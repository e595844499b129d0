"""A first answer with what a repair wrote again of it; pure."""

from collections.abc import Collection, Sequence
from typing import TypeVar

T = TypeVar("T")


def rewritten(
    first: Sequence[T], again: Sequence[tuple[int | None, T]], *, gone: Collection[int] = ()
) -> list[T]:
    """What the first answer held, with what a repair wrote in its places.

    Args:
        again: what it wrote, each with the place from 1 of the one that it replaces; one with
            another number is a further one, and so is a second one for a place. Where none has a
            number, the whole answer was written again.
        gone: places of those that go where they are not written again.
    """
    if again and all(place is None for place, _ in again):
        return [one for _, one in again]
    places: dict[int, T] = {}
    further: list[T] = []
    for place, one in again:
        if place and place <= len(first) and place not in places:
            places[place] = one
        else:
            further.append(one)
    kept = [
        places.get(place, one)
        for place, one in enumerate(first, start=1)
        if place in places or place not in gone
    ]
    return kept + further
