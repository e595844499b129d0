"""Write the cards that an upload's text voices: of each sentence that wants something, one."""

import re
from typing import Any

from simulator.writing.brief import Fences, parse_object
from simulator.writing.wording import a_or_an, one_line, shorter_title, title_of

_MOST = 40
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
#: What says that a sentence wants something, or that something stands in somebody's way.
_WANTS = re.compile(
    r"\b(?:wants?|wish(?:es)?|needs?|would like|have to|has to|must|should|can't|cannot|could not"
    r"|couldn't|unable|missing|too slow|hard to|no way)\b",
    re.IGNORECASE,
)
_WISH = r"\b(?:wants?|wish(?:es)?|needs?|would like|have|has)"
#: "wants to see a list", and "wants a list".
_DO = re.compile(_WISH + r" to (?P<want>[^,;:.!?]+)", re.IGNORECASE)
_HAVE = re.compile(
    r"\b(?:wants?|needs?|would like) (?P<want>(?:an?|the|each|every|more|fewer|large|all|my)\b"
    r"[^,;:.!?]+)",
    re.IGNORECASE,
)
#: "wants each mechanic to start a job": to have each mechanic start it.
_HAVE_DONE = re.compile(r"^(?P<who>(?:each|every|all)\b.*?) to ", re.IGNORECASE)
#: What it is good for, in the words of who wants it.
_BENEFIT = re.compile(r",? (?:so that )+(?P<benefit>[^.!?]+)", re.IGNORECASE)
#: A line's end inside of a sentence.
_WRAPPED = re.compile(r"\n(?=[a-z(])")
_PARAGRAPH_END = re.compile(r"\n\n")
#: Who speaks, or is spoken of: "The head mechanic wants", "says a mechanic".
_ROLE = re.compile(
    r"\b(?:the|an?) (?P<who>[a-z]+(?: [a-z]+)?) (?:wants?|would like|needs?|says|asks?|cannot"
    r"|decides|finds|guesses|orders|types|writes)\b"
    r"|\bsays (?:the|an?) (?P<said>[a-z]+(?: [a-z]+)?)",
    re.IGNORECASE,
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
    voiced = _voiced(str(upload.get("text", "")))
    cards = [_card(sentence, who) for sentence, who in voiced][:_MOST]
    if weak:
        cards = cards or [_card("Everybody wants to have it at once.", "user")]
        cards[0]["quote"] = "Nobody in this text has ever said these very words."
    return {"cards": cards}


def _voiced(text: str) -> list[tuple[str, str]]:
    """Sentences that want something, each with the role that its paragraph speaks of."""
    found: list[tuple[str, str]] = []
    for paragraph in _PARAGRAPH_END.split(_WRAPPED.sub(" ", text)):
        roles = [(each["who"] or each["said"]).lower() for each in _ROLE.finditer(paragraph)]
        who = roles[0] if roles else "user"
        sentences = [match[0].strip() for match in _SENTENCE.finditer(paragraph)]
        found += [(one, who) for one in sentences if _LEAST <= len(one) <= _LONGEST]
    wishes = [each for each in found if _wishes(each[0])]
    # What stands in the way of somebody, or just says something, where nobody wants anything.
    return wishes or [each for each in found if _WANTS.search(each[0])] or found[:1]


def _card(sentence: str, who: str) -> dict[str, Any]:
    said = _SPEAKER.sub("", sentence)
    speaker, story = _SPEAKER.match(sentence), _STORY.search(said)
    persona = story["who"].strip() if story else speaker["who"].strip() if speaker else who
    want = one_line(_want_of(said)).rstrip('.!?" ')
    wishes, good = _wishes(said), _BENEFIT.search(said)
    benefit = f", so that {one_line(good['benefit'])}" if good else ""
    return {
        "title": title_of(want),
        "shorterTitle": shorter_title(f"to {want}", title_of(want)),
        "persona": persona,
        "want": f"to {want}",
        "benefit": one_line(good["benefit"]) if good else None,
        "statement": f"As {a_or_an(persona)} {persona}, I want to {want}{benefit}.",
        "problem": one_line(said) if _PROBLEM.search(said) and not wishes else None,
        "systems": [],
        "themes": _themes(said),
        "quote": said,
    }


def _wishes(said: str) -> bool:
    return bool(_DO.search(said) or _HAVE.search(said))


def _want_of(said: str) -> str:
    if do := _DO.search(said):
        return do["want"]
    if have := _HAVE.search(said):
        return "have " + _HAVE_DONE.sub(r"\g<who> ", have["want"])
    return f"be helped where it says: {said}"


def _themes(said: str) -> list[str]:
    lowered = said.casefold()
    return [theme for theme, words in _THEMES if any(word in lowered for word in words)][:3]
