"""Office files are ZIP archives of XML: what is looked at before a library reads one."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # it ships no types
from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]  # it ships no types

from epics.files.readers.limits import MAX_EXPANDED_BYTES, MAX_PARTS, MAX_XML_DEPTH
from epics.files.readers.refusals import FileRefused, Reason, broken, encrypted, too_complex

_BLOCK_BYTES = 65_536
_TYPES = "[Content_Types].xml"
_XML = (".xml", ".rels", ".vml")
_ENCRYPTED_FLAG = 0x1
_MACROS = ("vbaproject.bin", "vbadata.xml")
#: What the list of types says of the main part.
_DOCUMENT = b"wordprocessingml.document.main+xml"
_WORKBOOK = b"spreadsheetml.sheet.main+xml"
_WITH_MACROS = b"macroEnabled.main+xml"
_OTHERS = (
    (b"presentationml.", "a presentation"),
    (b"wordprocessingml.template", "a template of documents"),
    (b"spreadsheetml.template", "a template of workbooks"),
    (b"ms-excel.sheet.binary", "a binary workbook (.xlsb)"),
)


def office_type(raw: bytes) -> str:
    """ "document" or "workbook", once every part was found harmless.

    Raises:
        FileRefused: it is neither, or may harm who reads it.
    """
    try:
        with ZipFile(BytesIO(raw)) as archive:
            parts = archive.infolist()
            _check_parts(parts)
            found = _type_of(archive)
            _check_contents(archive, parts)
            return found
    except (BadZipFile, EOFError, NotImplementedError, UnicodeError, ValueError) as error:
        raise broken("file") from error
    except FileRefused:
        raise
    except Exception as error:  # zlib, struct, and what else odd bytes bring up
        raise broken("file") from error


def _check_parts(parts: list[ZipInfo]) -> None:
    names = [part.filename for part in parts]
    if any(part.flag_bits & _ENCRYPTED_FLAG for part in parts):
        raise encrypted("file")
    if len(parts) > MAX_PARTS:
        raise too_complex(f"It has more than {MAX_PARTS:,} parts.")
    if any(part.compress_type not in {ZIP_STORED, ZIP_DEFLATED} for part in parts):
        raise broken("file")
    if len(set(names)) < len(names) or any(map(_is_odd, names)):
        raise FileRefused(
            Reason.FORBIDDEN_CONTENT,
            "It has parts with names that no Office program writes. Save it again as .docx or "
            ".xlsx, then upload that.",
        )
    if any(name.lower().rpartition("/")[2] in _MACROS for name in names):
        raise _macros()


def _is_odd(name: str) -> bool:
    """A path that leads out of where it would be unpacked, or that hides its end."""
    return (
        not name
        or name.startswith("/")
        or "\\" in name
        or "\x00" in name
        or ".." in name.split("/")
    )


def _type_of(archive: ZipFile) -> str:
    if _TYPES not in archive.namelist():
        raise FileRefused(
            Reason.WRONG_TYPE,
            "It is an archive, and no Word document or Excel workbook. Unpack it, then upload the "
            "files one by one.",
        )
    with archive.open(_TYPES) as part:
        types = part.read(1_000_000)
    if _WITH_MACROS in types:
        raise _macros()
    if _DOCUMENT in types:
        return "document"
    if _WORKBOOK in types:
        return "workbook"
    what = next((what for mark, what in _OTHERS if mark in types), "another kind of Office file")
    raise FileRefused(
        Reason.WRONG_TYPE, f"It is {what}. Save it as .docx, .xlsx or PDF, then upload that."
    )


def _check_contents(archive: ZipFile, parts: list[ZipInfo]) -> None:
    """Unpack everything once, into nothing, and count: what the archive says of sizes may lie."""
    left = MAX_EXPANDED_BYTES
    for part in parts:
        parser = _parser() if part.filename.lower().endswith(_XML) else None
        for block in _blocks(archive, part):
            left -= len(block)
            if left < 0:
                raise FileRefused(
                    Reason.EXPANDS_TOO_FAR,
                    f"Unpacked it has more than {MAX_EXPANDED_BYTES // 1_000_000} MB. Take out "
                    "what is no text, such as pictures, or split it.",
                )
            if parser is not None:
                _feed(parser, block)


def _blocks(archive: ZipFile, part: ZipInfo) -> Iterator[bytes]:
    with archive.open(part) as content:
        while block := content.read(_BLOCK_BYTES):
            yield block


def _parser() -> Any:
    # Office's format has no document type definitions, and so no entities.
    return DefusedXMLParser(target=_Depth(), forbid_dtd=True)


def _feed(parser: Any, block: bytes) -> None:
    try:
        parser.feed(block)
    except DefusedXmlException as error:
        raise FileRefused(
            Reason.FORBIDDEN_CONTENT,
            "It declares entities, which no Office program does. Save it again as .docx or .xlsx, "
            "then upload that.",
        ) from error
    except SyntaxError as error:  # of the XML
        raise broken("file") from error


class _Depth:
    """Takes a parser's events and keeps nothing but how deep it is."""

    def __init__(self) -> None:
        self._depth = 0

    def start(self, _tag: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_XML_DEPTH:
            raise too_complex(f"Its XML is nested deeper than {MAX_XML_DEPTH} levels.")

    def end(self, _tag: str) -> None:
        self._depth -= 1

    def data(self, _text: str) -> None:
        """Of no interest."""

    def close(self) -> None:
        """Nothing was kept."""


def _macros() -> FileRefused:
    return FileRefused(
        Reason.MACROS,
        "It has macros, which are never taken. Save it as .docx or .xlsx without them, then "
        "upload that.",
    )
