"""Why an item cannot be generated; the run's other items are not affected.

GenerationError            the item FAILED
├── NothingToGenerate      NOTHING_TO_GENERATE  there is nothing to go by: SKIPPED
│   └── TargetGone                              it was deleted after the run had begun
├── InvalidInput           VALIDATION           the target or the run's options cannot be used
├── Refused                REFUSED              the model declined to answer
├── OutputCut              OUTPUT_TRUNCATED     the answer did not fit, larger cap included
├── UnusableAnswer         UNUSABLE_ANSWER      not the agreed JSON, repair call included
└── StorageUnavailable   STORAGE_UNAVAILABLE  its file cannot be stored: tried again, then FAILED
"""

from typing import ClassVar


class GenerationError(Exception):
    """This item cannot be generated; `code` is stored on it."""

    code: ClassVar[str] = "GENERATION_FAILED"

    def __init__(self, message: str) -> None:
        """`message` is for a person and says what to do."""
        super().__init__(message)
        self.message = message


class NothingToGenerate(GenerationError):
    """The target says nothing that anything could be generated from."""

    code = "NOTHING_TO_GENERATE"


class TargetGone(NothingToGenerate):
    """The target was deleted after the run had begun."""


class InvalidInput(GenerationError):
    """The target, or what the run asks for, cannot be used."""

    code = "VALIDATION"


class Refused(GenerationError):
    """The model declined to answer."""

    code = "REFUSED"


class OutputCut(GenerationError):
    """The answer did not fit."""

    code = "OUTPUT_TRUNCATED"


class UnusableAnswer(GenerationError):
    """The answer is not the agreed JSON, and neither was the repaired one."""

    code = "UNUSABLE_ANSWER"


class StorageUnavailable(GenerationError):
    """What was made is a file, and the storage does not take it now."""

    code = "STORAGE_UNAVAILABLE"
    #: It does not say when it will.
    retry_after_s: ClassVar[float | None] = None
