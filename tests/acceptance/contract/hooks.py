"""Loaded by schemathesis: which refusals of requests that fit the schema are right.

A schema knows no other rows and no other fields. A 400 is accepted where every message in it is
one of these rules; all other 400s to such a request are failures, of the schema or the server.
"""

import re
from typing import Any

import hypothesis
import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

#: (field in `details`, message), both as regular expressions of the whole text.
RULES = [
    # What other rows say.
    (r"cursor", r"Take the cursor from .*"),
    (r"code", r"The code .* is taken in this project\."),
    (r"cardCodes", r"There is no card with the code .*|A card is named twice\."),
    (
        r"dependencies",
        r"There is no epic with .*|An epic is named twice\.|The dependencies form .*",
    ),
    (
        r"epicIds|targetIds",
        r".* is none of the .* of this project that can be taken\.|No .*\.|Name exactly one .*\.",
    ),
    # What the type of a run says of what stands beside it.
    (r"epicIds", r".* takes .*\. Name them in targetIds\.|Give epicIds or targetIds, not both\."),
    (r"mode|personaSet", r".* has no such choice\. Leave it out\."),
    (r"model", r".* asks no model\. Leave it out\."),
    (r"options\..*", r".* has no such option; it has .*"),
    (r".*(code|Codes|dependencies|cards).*", r"The invisible character .* in a code\."),
    (r"((project|options|pages\[\d+\])\.)?language", r"Name a language as in .*"),
    (r".*", r"This must not be blank\.|This field may not be blank\."),
    (r"bom", r"Leave it out for json\."),
    (r"username", r"There is no user of this name\. .*|.* is a member already, .*"),
    (r"role|nonFieldErrors", r"A project keeps an owner\. .*"),
    # What other parts of an import say.
    (r"(cards|epics)\[\d+\]\.code", r"The code .* is also that of .*"),
    (r"epics\[\d+\]\.stories\[\d+\]\.code", r"The code .* is also that of .*"),
    (r"epics\[\d+\]\..*\[\d+\]", r"There is no .* with the code .*|The .* is named twice\."),
    (r"epics", r"The dependencies form a cycle: .*"),
    # What a schema cannot say of pages.
    (
        r"(.*\.)?url",
        r"(Give an address|An address has|The page P\d+ has|This is the address of) .*",
    ),
    (r"(.*\.)?components", r"A component is named twice\."),
    (
        r"(.*\.)?facts",
        r"(A fact has no name|A number is too large)\.|(Facts are nested|The facts have) .*",
    ),
    (r"(.*\.)?facts", r"There are .* entries; .*|.* has .* characters; .*|The control .*"),
    (r"pages\[\d+\]\.content", r"Say when it was written: .*"),
    (r"pages\[\d+\]\..*(deadline|edAt)", r"This time is out of range\.|Input should be .*"),
    # A table is any text to a schema.
    (r"csv", r"The CSV needs .*|Row \d+, .*"),
    # Types of runs that are yet to come.
    (r"type", r"Choose one of .*"),
    # Days that no calendar has, and years before the first.
    (r"deadline", r"Datetime has wrong format\. .*|Datetime value out of range\."),
    (r"epics\[\d+\]\.stories\[\d+\]\.editedAt", r"This time is out of range\.|Input should be .*"),
]
#: Whole messages without details.
SENTENCES = (
    r"There are no epics to retry in this run\.",
    # What no text of any body may have; most schemas say it too.
    r"The body was refused\. .* contains a NUL character\.",
    r"The body was refused\. .* Save it (as CSV|with the encoding UTF-8)\.",
)

# schemathesis asks Hypothesis for more of what is accepted, which then walks in circles, for
# minutes and without a request.
hypothesis.target = lambda *args, **kwargs: 0.0


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether the failure counts."""
    refused = isinstance(failure, RejectedPositiveData) and response.status_code == 400
    return not (refused and is_rule(response.json()["error"]))


def is_rule(error: dict[str, Any]) -> bool:
    """Whether a 400 tells of rules alone."""
    if not error["details"]:
        said = error["message"]
        return any(re.fullmatch(sentence, said, re.DOTALL) for sentence in SENTENCES)
    return all(
        any(_fits(rule, field, message) for rule in RULES)
        for field, messages in error["details"].items()
        for message in messages
    )


def _fits(rule: tuple[str, str], field: str, message: str) -> bool:
    return all(
        re.fullmatch(pattern, text, re.DOTALL)
        for pattern, text in zip(rule, (field, message), strict=True)
    )
