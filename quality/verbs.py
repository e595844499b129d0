"""Pairs of verbs that are one act, and words around conjunctions; which words are verbs,
`quality.lexicon` knows."""

from quality.text import word_set


def _pairs(text: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(pair.split("/")) for pair in text.split())


#: Said as one word for one act, if nothing stands between them but the conjunction.
SET_PHRASES = _pairs(
    "bring/buy click/collect come/see compare/contrast copy/paste cut/paste drag/drop "
    "find/replace give/take go/see hide/seek look/feel look/see meet/greet mix/match park/ride "
    "pay/display pick/choose pick/mix read/understand plug/play point/click search/replace "
    "search/rescue show/tell sit/wait stop/go tap/go track/trace wait/see wear/tear wine/dine"
)
#: "try and find" is one act, whatever the second is.
LIGHT_VERBS = frozenset({"come", "go", "try"})
#: The two sides of one switch or of one decision.
SWITCHES = _pairs(
    "accept/decline accept/deny accept/refuse accept/reject activate/deactivate "
    "activate/disable agree/disagree allow/block allow/deny allow/disallow allow/forbid "
    "allow/prohibit allow/refuse approve/decline approve/deny approve/disapprove approve/refuse "
    "approve/reject arm/disarm collapse/expand confirm/decline confirm/deny confirm/refuse "
    "confirm/reject connect/disconnect decrease/increase dim/brighten disable/enable "
    "dislike/like fold/unfold grant/deny grant/refuse grant/revoke grant/withdraw "
    "indent/outdent hide/show hide/reveal hide/unhide lower/raise minimise/maximise "
    "minimize/maximize open/close open/shut pass/fail pause/resume pause/continue pause/restart "
    "permit/forbid permit/deny play/pause play/stop start/stop start/end begin/end begin/stop "
    "start/pause switch/unswitch turn/unturn upvote/downvote on/off in/out up/down"
)
#: A verb and the same with one of these before it are a switch too: lock/unlock.
UNDOING = ("un", "de", "dis")

#: What may stand between a conjunction and its verb.
FILLERS = word_set(
    "afterwards again also afterward either even finally first immediately instead just later "
    "maybe next only perhaps still subsequently then thereafter thereby therefore thus too"
)
#: Behind these comes an act, not a thing.
SEQUENCE = word_set("afterwards afterward finally later next subsequently then thereafter thereby")
#: In the dictionary they are verbs as well; behind a conjunction hardly ever.
NEVER_ACTS = word_set(
    "but can down even in like may might must near off on out over so still then up well will"
)
#: Verbs that start, and whose gerund is what is wanted.
ASPECT_VERBS = word_set(
    "avoid begin consider continue enjoy finish keep practise practice start stop"
)
#: Verbs that have something done.
CAUSING_VERBS = word_set("get have see")


def is_switch(one: str, other: str) -> bool:
    """Whether two verbs are the sides of one switch or decision."""
    if frozenset({one, other}) in SWITCHES:
        return True
    short, long = sorted((one, other), key=len)
    return any(long in (f"{prefix}{short}", f"{prefix}-{short}") for prefix in UNDOING)
