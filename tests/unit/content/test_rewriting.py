"""A first answer with what a repair wrote again."""

import pytest

from content.rewriting import rewritten


@pytest.mark.parametrize(
    ("again", "gone", "found"),
    [
        ([(None, "x")], (), "x"),
        ([(2, "x")], (), "axc"),
        ([(2, "x"), (0, "y")], (), "axcy"),
        ([(2, "x"), (2, "y"), (9, "z")], (), "axcyz"),
        ([(2, "x"), (None, "y")], (), "axcy"),
        ([(2, "x")], (1, 2), "xc"),
        ([], (1,), "bc"),
        ([], (), "abc"),
    ],
)
def test_what_is_written_again_takes_its_place(
    again: list[tuple[int | None, str]], gone: tuple[int, ...], found: str
) -> None:
    assert "".join(rewritten("abc", again, gone=gone)) == found
