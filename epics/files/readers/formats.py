"""What a file is, by its content, and who reads it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from epics.files.file_text import UndecodableFile, decode_text
from epics.files.readers.archives import office_type
from epics.files.readers.refusals import FileRefused, Reason, broken, encrypted
from epics.files.readers.tidying import tidied

#: Before its mark a PDF may have so many bytes.
_PDF_HEAD_BYTES = 1024
#: How an encrypted Office file names what it holds: it is of the old format outside.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_MARKS = (
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"BZh", "compressed (bzip2)"),
    (b"\xfd7zXZ", "compressed (xz)"),
    (b"(\xb5/\xfd", "compressed (zstd)"),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z)"),
    (b"Rar!", "an archive (RAR)"),
    (b"PK\x05\x06", "an empty archive"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"RIFF", "a picture, a sound or a film"),
    (b"II*\x00", "a picture (TIFF)"),
    (b"MM\x00*", "a picture (TIFF)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"SQLite format 3", "a database"),
    (b"{\\rtf", "rich text (RTF)"),
    (b"ID3", "a sound"),
    (b"OggS", "a sound"),
)
_MARKUP = re.compile(r"\s*<(\?xml|!doctype|html|svg)\b", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
#: Terminals and printers leave some in a text: a few, and one in so many characters.
_CONTROLS, _CONTROLS_ONE_IN = 5, 500
#: What the name of a file promises beyond plain text.
_PROMISED = {
    ".pdf": "PDF",
    ".docx": "Word document",
    ".xlsx": "Excel workbook",
    ".doc": "Word document",
    ".xls": "Excel workbook",
}
_TEXT_TYPES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/csv",
}
_OFFICE = "application/vnd.openxmlformats-officedocument."


@dataclass(frozen=True, kw_only=True, slots=True)
class FileText:
    media_type: str
    text: str


def text_of(raw: bytes, *, name: str) -> FileText:
    """The text of a file.

    Args:
        name: tells Markdown and CSV from other text, and what a broken file was to be.

    Raises:
        FileRefused: it is of another type, or there is no text to be had.
    """
    if not raw:
        raise FileRefused(Reason.EMPTY, "The file is empty. Upload one that has some text.")
    if b"%PDF-" in raw[:_PDF_HEAD_BYTES]:
        return _binary(raw, "application/pdf", "PDF", _pdf_text)
    if raw.startswith(b"PK\x03\x04"):
        if office_type(raw) == "document":
            media_type = f"{_OFFICE}wordprocessingml.document"
            return _binary(raw, media_type, "document", _document_text)
        return _binary(raw, f"{_OFFICE}spreadsheetml.sheet", "workbook", _workbook_text)
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise encrypted("file") if _ENCRYPTED in raw else _wrong("an old Office file")
    what = next((what for mark, what in _MARKS if raw.startswith(mark)), "")
    if what:
        raise _wrong(what)
    return _plain(raw, _suffix(name))


def text_type(name: str) -> str:
    """The media type of a text with this name."""
    return _TEXT_TYPES.get(_suffix(name), "text/plain")


def _plain(raw: bytes, suffix: str) -> FileText:
    if suffix in _PROMISED:
        raise broken(_PROMISED[suffix])
    try:
        text = decode_text(raw)
    except UndecodableFile as error:
        raise FileRefused(
            Reason.WRONG_TYPE,
            "It is no text, or in another encoding than UTF-8, UTF-16 and Windows-1252. Save it as "
            "text with the encoding UTF-8.",
        ) from error
    if "\x00" in text or len(_CONTROL.findall(text)) > _CONTROLS + len(text) // _CONTROLS_ONE_IN:
        raise _wrong("no text")
    if _MARKUP.match(text[:1000]):
        raise _wrong("a web page or XML")
    media_type = text_type(suffix)
    if media_type == "text/csv":
        from epics.files.readers.tables import csv_text  # noqa: PLC0415  # see `_pdf_text`

        return FileText(media_type=media_type, text=tidied(csv_text(text)))
    return FileText(media_type=media_type, text=tidied(text))


def _binary(raw: bytes, media_type: str, what: str, read: Callable[[bytes], str]) -> FileText:
    try:
        text = read(raw)
    except (FileRefused, MemoryError, RecursionError):
        raise
    except Exception as error:  # the libraries raise whatever comes up
        raise broken(what) from error
    return FileText(media_type=media_type, text=tidied(text))


# A process reads one file: the libraries for others, of 0.2 s and 30 MB, are not loaded.


def _pdf_text(raw: bytes) -> str:
    from epics.files.readers.documents import pdf_text  # noqa: PLC0415  # see above

    return pdf_text(raw)


def _document_text(raw: bytes) -> str:
    from epics.files.readers.documents import document_text  # noqa: PLC0415  # see above

    return document_text(raw)


def _workbook_text(raw: bytes) -> str:
    from epics.files.readers.tables import workbook_text  # noqa: PLC0415  # see above

    return workbook_text(raw)


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot >= 0 else ""


def _wrong(what: str) -> FileRefused:
    return FileRefused(
        Reason.WRONG_TYPE,
        f"It is {what}. Text, Markdown, CSV, .xlsx, .docx and PDF with a text layer are taken.",
    )
