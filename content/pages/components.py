"""The components that a page is made of, and those that each type has by default.

docs/pages.md gives the reasons.
"""

from collections.abc import Mapping

#: {name: what it is}; the words go into prompts.
COMPONENTS: Mapping[str, str] = {
    "hero": "the opening: what this page is about and what it does for the visitor, in two to "
    "three sentences",
    "introduction": "one or two paragraphs that lead into the subject and answer what a visitor "
    "came with",
    "highlights": "three to six short points, each a benefit that a fact carries",
    "description": "what it is, who it is for and how it is used, in two to four paragraphs",
    "specifications": "the given facts as a table of two columns, name and value",
    "usage": "how to use and care for it, in steps",
    "selection": "what the selection holds and how it is divided",
    "buying-guide": "how to choose: the criteria that matter, each with what it means in practice",
    "brand-story": "where the brand comes from and what it stands for",
    "values": "what the brand holds itself to, three to five points, each with what backs it",
    "range": "the brand's lines or categories, and what each is for",
    "ideas": "three to seven ideas, each with a heading of its own and how to carry it out",
    "tips": "practical advice in short points",
    "benefits": "what taking part brings, in short points",
    "how-it-works": "the steps from beginning to end, numbered",
    "conditions": "what applies to taking part, as far as the facts say so",
    "faq": "three to six questions that visitors ask, each answered in one to three sentences",
    "call-to-action": "one closing paragraph that names the next step",
}

#: {page type: its components in their order}.
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "product": (
        "hero",
        "highlights",
        "description",
        "specifications",
        "usage",
        "faq",
        "call-to-action",
    ),
    "category": ("introduction", "selection", "buying-guide", "faq", "call-to-action"),
    "brand": ("hero", "brand-story", "values", "range", "faq", "call-to-action"),
    "inspire": ("introduction", "ideas", "tips", "call-to-action"),
    "engage": ("hero", "benefits", "how-it-works", "conditions", "faq", "call-to-action"),
}
