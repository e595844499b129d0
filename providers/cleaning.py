"""Texts and numbers from outside as we can keep them; pure."""

#: Names, ids and stop reasons; the columns that hold them are as long.
LABEL_CHARS = 100
#: No number of ours has as many digits.
DIGITS = 19


def storable(text: str) -> str:
    """Without what PostgreSQL takes in no text: NUL, and halves of surrogate pairs.

    Two halves that belong together become their character.
    """
    if text.isascii() and "\x00" not in text:
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text.replace("\x00", "")


def label(value: object) -> str:
    """A short name or id in one line; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(filter(str.isprintable, value[:LABEL_CHARS]))


def integer(digits: str) -> int | float:
    """For `json.loads`: Python reads at most 4,300 digits as an int and would give up all."""
    return int(digits) if len(digits) < DIGITS else float(digits)
