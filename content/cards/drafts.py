"""An answer as clean cards, each with the words of the text that it rests on; pure."""

from collections.abc import Collection
from dataclasses import dataclass

from content.cards.answer import Card, CardSet
from content.cards.quotes import Levelled
from content.cards.values import CardDefect, CardDraft
from content.rewriting import rewritten
from content.tidy_text import paragraphs, shortened
from epics import bounds
from quality.text import one_line

#: Longer answers are of another kind than was asked for; what is beyond is not looked at.
MOST_CARDS = 60
#: Of a quote that is not there, in a message.
_SHOWN_CHARS = 200
_COPY = (
    "Copy the words of the part that it rests on, letter by letter, in one piece; where there are "
    "none, leave the card out."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """The cards of an answer, and what is wrong in it."""

    answer: CardSet
    drafts: tuple[CardDraft, ...]
    defects: tuple[CardDefect, ...]

    @property
    def unquoted(self) -> int:
        """How many rest on no words of the text."""
        return sum(not draft.quote for draft in self.drafts)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Less is better: what an answer is worth are its cards that rest on something."""
        return self.unquoted - len(self.drafts), self.unquoted, len(self.defects)


def checked(text: Levelled, answer: CardSet) -> Checked:
    """The answer's cards with their quotes as the text has them."""
    drafts = tuple([_draft(text, card) for card in answer.cards[:MOST_CARDS]])
    defects = [
        defect
        for place, (card, draft) in enumerate(zip(answer.cards, drafts, strict=False), start=1)
        for defect in _defects(place, card, draft)
    ]
    if len(answer.cards) > MOST_CARDS:
        message = f"The answer has {len(answer.cards):,} cards."
        suggestion = f"Write {MOST_CARDS} at most: put those together that want the same."
        defects.append(CardDefect(card=0, message=message, suggestion=suggestion))
    return Checked(answer=answer, drafts=drafts, defects=tuple(defects))


def with_repair(first: CardSet, again: CardSet, wrong: Collection[int]) -> CardSet:
    """The first answer with what a repair wrote in the places of its cards.

    Args:
        wrong: the places from 1 that it was told of; those that it does not write again go.
    """
    cards = rewritten(first.cards, [(card.replaces, card) for card in again.cards], gone=wrong)
    return CardSet(cards=tuple(cards))


def numbered(answer: CardSet) -> dict[str, object]:
    """An answer as people read it, for a repair call, each card by its number."""
    return {
        "cards": [
            {"number": place, **card.model_dump(mode="json", by_alias=True, exclude={"replaces"})}
            for place, card in enumerate(answer.cards, start=1)
        ]
    }


def _draft(text: Levelled, card: Card) -> CardDraft:
    problem = shortened(paragraphs(card.problem or ""), bounds.TEXT_CHARS)
    return CardDraft(
        title=shortened(one_line(card.title).rstrip("."), bounds.TITLE_CHARS),
        persona=shortened(one_line(card.persona), bounds.NAME_CHARS),
        statement=shortened(paragraphs(card.statement), bounds.TEXT_CHARS),
        problem=problem or None,
        systems=names(card.systems),
        themes=names(card.themes),
        quote=text.found(card.quote),
    )


def names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in any case, within bounds."""
    found = {
        name.casefold(): name
        for name in reversed([shortened(one_line(one), bounds.NAME_CHARS) for one in given])
        if bounds.is_seen(name)
    }
    return tuple(reversed(found.values()))[: bounds.LIST_ENTRIES]


def _defects(place: int, card: Card, draft: CardDraft) -> list[CardDefect]:
    found: list[CardDefect] = []
    if not draft.quote:
        quote = one_line(card.quote)
        shown = shortened(quote, _SHOWN_CHARS)
        message = f'This quote is not in the part: "{shown}".' if quote else "It has no quote."
        found.append(CardDefect(card=place, message=message, suggestion=_COPY))
    if not draft.persona:
        suggestion = "Name who wants it, in one to three words."
        found.append(CardDefect(card=place, message="It has no persona.", suggestion=suggestion))
    return found
