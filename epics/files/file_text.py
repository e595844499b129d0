"""Decode text files, whatever encoding they were saved in."""

import codecs

#: What a file begins with, and how it is encoded then. UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT = (
    (b"PK\x03\x04", "It is a workbook or an archive. Save it as CSV."),
    (b"\xd0\xcf\x11\xe0", "It is an old Excel workbook. Save it as CSV."),
    (b"%PDF-", "It is a PDF. Save its text as a text file."),
    (b"\x1f\x8b", "It is compressed. Unpack it first."),
)
#: Of a file without a mark so much tells whether it is UTF-16.
_SAMPLE_BYTES = 4096


class UndecodableFile(Exception):
    """The bytes are no text; the sentence says what they are and what to do."""


def decode_text(raw: bytes) -> str:
    """The text in UTF-8 or UTF-16, with or without a byte order mark, else in Windows-1252.

    Raises:
        UndecodableFile: another kind of file, or broken.
    """
    for mark, sentence in _NOT_TEXT:
        if raw.startswith(mark):
            raise UndecodableFile(sentence)
    marked = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), None)
    try:
        return raw.decode(marked) if marked else _unmarked(raw)
    except UnicodeDecodeError as error:
        raise UndecodableFile(
            f"Byte {error.start + 1} is not {error.encoding}. Save it with the encoding UTF-8."
        ) from error


def _unmarked(raw: bytes) -> str:
    if wide := _wide(raw[:_SAMPLE_BYTES]):
        return raw.decode(wide)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252")


def _wide(sample: bytes) -> str:
    """UTF-16 of Western text has a NUL in every other byte, which no other text has."""
    half = len(sample) // 4
    if sample[1::2].count(0) > half:
        return "utf-16-le"
    return "utf-16-be" if sample[0::2].count(0) > half else ""
