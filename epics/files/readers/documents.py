"""The text of Word documents (python-docx) and PDFs (pypdf)."""

from io import BytesIO
from itertools import groupby
from typing import Any

from docx import Document
from docx.oxml.ns import qn
from pypdf import PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from epics.bounds import is_seen
from epics.files.readers.limits import MAX_PAGES
from epics.files.readers.refusals import FileRefused, Reason, encrypted
from epics.files.readers.tables import BETWEEN_CELLS
from epics.files.readers.tidying import check_length

_PARAGRAPH, _ROW, _TEXT = qn("w:p"), qn("w:tr"), qn("w:t")
_SIGNS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
#: For programs that do not know what stands beside it, and says the same.
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def document_text(raw: bytes) -> str:
    """The paragraphs of a document in their order, a table's row as one; with what was inserted as
    a tracked change, without what was deleted."""
    body = Document(BytesIO(raw)).element.body
    for fallback in list(body.iter(_FALLBACK)):
        fallback.getparent().remove(fallback)
    blocks = []
    for row, paragraphs in groupby(body.iter(_PARAGRAPH), _row_of):
        texts = filter(None, map(_paragraph, paragraphs))
        blocks.append((BETWEEN_CELLS if row is not None else "\n\n").join(texts))
    return "\n\n".join(filter(None, blocks))


def _row_of(paragraph: Any) -> Any:
    return next(paragraph.iterancestors(_ROW), None)


def _paragraph(paragraph: Any) -> str:
    """Without those that stand inside it, in a text box: they come by themselves."""
    parts: list[str] = []
    todo = list(reversed(paragraph))
    while todo:
        element = todo.pop()
        if element.tag == _TEXT:
            parts.append(element.text or "")
        elif element.tag in _SIGNS:
            parts.append(_SIGNS[element.tag])
        elif element.tag != _PARAGRAPH:
            todo += reversed(element)
    return "".join(parts).strip()


def pdf_text(raw: bytes) -> str:
    """The text layer of a PDF, page by page.

    Raises:
        FileRefused: it is encrypted, has none, or too many pages.
    """
    try:
        return _pages_text(PdfReader(BytesIO(raw)))
    except DependencyError as error:  # ciphers that a library of its own would read
        raise encrypted("PDF") from error
    except LimitReachedError as error:
        raise FileRefused(
            Reason.EXPANDS_TOO_FAR,
            "Unpacked it is far larger than a PDF of text. Print it to a new PDF, or save its "
            "text as a text file.",
        ) from error


def _pages_text(reader: PdfReader) -> str:
    if reader.is_encrypted and not reader.decrypt(""):
        raise encrypted("PDF")
    texts: list[str] = []
    characters = 0
    for number, page in enumerate(reader.pages):
        if number == MAX_PAGES:
            raise FileRefused(
                Reason.TOO_MANY_PAGES, f"It has more than {MAX_PAGES:,} pages. Split it."
            )
        texts.append(page.extract_text())
        characters += len(texts[-1])
        check_length(characters)
    text = "\n\n".join(texts)
    if not texts:
        raise PyPdfError("no pages")
    if not is_seen(text):
        raise FileRefused(
            Reason.NO_TEXT,
            "The PDF has no text layer: its pages are pictures, as a scanner makes them. Run text "
            "recognition (OCR) over it, then upload that.",
        )
    return text
