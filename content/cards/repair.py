"""The one call that mends a part's cards: above all, quotes that are not in the upload."""

from content.cards.answer import NotACardSet
from content.cards.drafts import Checked, checked, numbered, with_repair
from content.cards.quotes import Levelled
from content.cards.requests import read_answer, repair_request
from content.cards.values import AnalysisInput, Part, PromptContext
from content.errors import OutputCut, Refused
from content.pipeline import Calls
from providers.values import Completion


def mended(
    inp: AnalysisInput, context: PromptContext, part: Part, first: Checked, *, max_tokens: int
) -> Calls[tuple[Checked, str]]:
    """The cards, or better ones from one repair call that names what is wrong; and a note, "" where
    nothing was.

    A repair that is refused, cut, unreadable or no better changes nothing.
    """
    if not first.defects:
        return first, ""
    completion = yield repair_request(
        inp,
        context,
        part,
        reason="quotes",
        max_tokens=max_tokens,
        previous=numbered(first.answer),
        defects=first.defects,
    )
    count = len(first.defects)
    found = f"the first answer had {count} defect{'' if count == 1 else 's'}"
    second = _read(inp, part, first, completion)
    if second is None:
        return first, f"{found}; their repair was not usable"
    if second.rank < first.rank:
        return second, f"{found}, {len(second.defects)} after the repair"
    return first, f"{found}; the repair was no better and is not kept"


def _read(inp: AnalysisInput, part: Part, first: Checked, completion: Completion) -> Checked | None:
    """The second answer, or the first with what was written again, checked; None when the call
    brought none."""
    try:
        again = read_answer(inp, completion)
    except (Refused, OutputCut, NotACardSet):
        return None
    wrong = {defect.card for defect in first.defects}
    return checked(Levelled(part.text), with_repair(first.answer, again, wrong))
