"""Text as it should be stored: paragraphs and lengths."""

from quality.text import one_line

ELLIPSIS = "…"


def paragraphs(text: str) -> str:
    """`one_line` line by line; empty lines are dropped."""
    lines = (one_line(line) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def shortened(text: str, max_chars: int) -> str:
    """At most `max_chars`, cut at a word where one ends near, the cut shown by an ellipsis."""
    if len(text) <= max_chars:
        return text
    head = text[: max(max_chars - 1, 0)]
    at_word = head.rfind(" ", len(head) * 2 // 3)
    return (head[:at_word] if at_word > 0 else head).rstrip() + ELLIPSIS
