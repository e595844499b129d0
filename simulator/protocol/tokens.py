"""How many tokens a text has, near enough for limits and prices."""

TENTHS_OF_A_CHARACTER_PER_TOKEN = 36


def count_tokens(text: str) -> int:
    """Characters / 3.6, rounded up: about what English prose and JSON cost."""
    return -(-len(text) * 10 // TENTHS_OF_A_CHARACTER_PER_TOKEN)


def characters_within(tokens: int) -> int:
    """The longest text, in characters, that costs no more than `tokens`."""
    return tokens * TENTHS_OF_A_CHARACTER_PER_TOKEN // 10
