"""How long a run takes: what is left of it, and what one that begins may need. Pure."""

import math

#: One epic's time where nothing was observed yet; about what a standard answer takes.
TYPICAL_EPIC_MS = 20_000


def remaining_ms(*, done: int, left: int, elapsed_ms: int) -> int | None:
    """What `left` epics need at the pace so far; None until one is done."""
    return round(elapsed_ms / done * left) if done else None


def expected_ms(*, epics: int, lanes: int, delay_ms: int, epic_ms: int) -> int:
    """What a run needs whose lanes take one epic after the other, with a pause in between."""
    turns = math.ceil(epics / lanes)
    return turns * epic_ms + (turns - 1) * delay_ms


def duration_text(milliseconds: int) -> str:
    """0.7 s, 45 s, 21 min or 2 h 10 min."""
    seconds = round(milliseconds / 1000)
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f} s"
    if seconds < 100:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
