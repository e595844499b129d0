"""Why a file is not taken; each kind by a reason and a sentence of its own."""

from enum import StrEnum


class Reason(StrEnum):
    """As details of an answer have it."""

    EMPTY = "EMPTY"
    NO_TEXT = "NO_TEXT"
    ENCRYPTED = "ENCRYPTED"
    BROKEN = "BROKEN"
    FORBIDDEN_CONTENT = "FORBIDDEN_CONTENT"
    WRONG_TYPE = "WRONG_TYPE"
    MACROS = "MACROS"
    EXPANDS_TOO_FAR = "EXPANDS_TOO_FAR"
    TOO_MANY_CHARACTERS = "TOO_MANY_CHARACTERS"
    TOO_MANY_PAGES = "TOO_MANY_PAGES"
    TOO_MANY_CELLS = "TOO_MANY_CELLS"
    TOO_COMPLEX = "TOO_COMPLEX"


class FileRefused(Exception):
    """This file has no text for us; `sentence` says what to do."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


def broken(what: str) -> FileRefused:
    """Args:
    what: "PDF", "workbook".
    """
    return FileRefused(
        Reason.BROKEN,
        f"The {what} is broken and cannot be read. Open it in the program that wrote it, save it "
        "again, then upload that.",
    )


def encrypted(what: str) -> FileRefused:
    return FileRefused(
        Reason.ENCRYPTED,
        f"The {what} is encrypted. Save a copy without a password or restrictions, then upload "
        "that.",
    )


def too_complex(detail: str = "Reading it takes more time or memory than it may.") -> FileRefused:
    return FileRefused(Reason.TOO_COMPLEX, f"{detail} Split it, or save its text as a text file.")
