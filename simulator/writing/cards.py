"""Write the cards that an upload's text voices: of each sentence that wants something, one."""

import re
from typing import Any

from simulator.writing.brief import Fences, parse_object
from simulator.writing.wording import one_line, title_of

_MOST = 40
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
#: What says that a sentence wants something, and how what follows it goes on behind "I want to".
_WANTS = re.compile(
    r"\b(?:wants?|wish(?:es)?|needs?|would like|have to|has to|must|should|can't|cannot|could not"
    r"|couldn't|unable|missing|too slow|hard to|no way)\b",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"\b(?:wants?|wish(?:es)?|needs?|would like|have|has) to (?P<want>[^,;:.!?]+)", re.IGNORECASE
)
_STORY = re.compile(r"\bas an? (?P<who>[\w -]{2,40}?),? I\b", re.IGNORECASE)
_SPEAKER = re.compile(r"^\s*(?P<who>[A-Z][\w .-]{1,40}?)(?:\s*\([^)]*\))?:\s*")
_PROBLEM = re.compile(
    r"\b(?:can't|cannot|couldn't|could not|slow|missing|hard to)\b", re.IGNORECASE
)
#: Sentences that say less are greetings, and longer ones no quotes.
_LEAST, _LONGEST = 20, 600
_THEMES = (
    ("search", ("search", "find", "look up")),
    ("rights", ("permission", "rights", "access", "role")),
    ("reporting", ("report", "export", "statistic", "chart")),
    ("speed", ("slow", "fast", "quick", "wait")),
    ("notifications", ("notif", "mail", "alert", "remind")),
    ("data", ("import", "upload", "data", "file")),
)


def write_cards(fences: Fences, seed: int, weak: bool) -> dict[str, Any]:
    """Cards with literal quotes; of weak ones the first quotes what nobody said."""
    upload = parse_object(fences["upload"])
    cards = [_card(sentence) for sentence in _sentences(str(upload.get("text", "")))][:_MOST]
    if weak:
        cards = cards or [_card("Everybody wants to have it at once.")]
        cards[0]["quote"] = "Nobody in this text has ever said these very words."
    return {"cards": cards}


def _sentences(text: str) -> list[str]:
    found = [match[0].strip() for match in _SENTENCE.finditer(text)]
    wanted = [one for one in found if _LEAST <= len(one) <= _LONGEST and _WANTS.search(one)]
    # What says something without wanting it, where nothing does.
    return wanted or [one for one in found if _LEAST <= len(one) <= _LONGEST][:1]


def _card(sentence: str) -> dict[str, Any]:
    said = _SPEAKER.sub("", sentence)
    speaker, story, after = _SPEAKER.match(sentence), _STORY.search(said), _AFTER.search(said)
    persona = story["who"].strip() if story else speaker["who"].strip() if speaker else "user"
    want = one_line(after["want"]) if after else f"be helped where it says: {one_line(said)}"
    article = "an" if persona[:1].casefold() in "aeiou" else "a"
    return {
        "title": title_of(want),
        "persona": persona,
        "statement": f"As {article} {persona}, I want to {want.rstrip('.!? ')}.",
        "problem": one_line(said) if _PROBLEM.search(said) else None,
        "systems": [],
        "themes": _themes(said),
        "quote": said,
    }


def _themes(said: str) -> list[str]:
    lowered = said.casefold()
    return [theme for theme, words in _THEMES if any(word in lowered for word in words)][:3]
