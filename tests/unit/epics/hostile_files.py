"""More than 200 files that nobody should read unharmed, of some twenty kinds."""

import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from random import Random

from pypdf import PdfReader, PdfWriter

from epics.files.readers.refusals import Reason
from tests.unit.epics.office_files import (
    DOCUMENT,
    changed,
    docx_file,
    parts_of,
    pdf_file,
    pdf_of,
    xlsx_file,
    zip_of,
)

_SHEET = "xl/worksheets/sheet1.xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@dataclass(frozen=True, kw_only=True, slots=True)
class Hostile:
    """A file, and the reasons that may be given; `may_be_read` where some text may be left."""

    kind: str
    name: str
    raw: bytes
    reasons: frozenset[Reason]
    may_be_read: bool = False


def all_of() -> list[Hostile]:
    return [hostile for make in _KINDS for hostile in make()]


def _are(kind: str, *reasons: Reason) -> "_Kind":
    return _Kind(kind, frozenset(reasons))


class _Kind:
    def __init__(self, kind: str, reasons: frozenset[Reason]) -> None:
        self._kind, self._reasons = kind, reasons

    def __call__(self, name: str, raw: bytes, *, may_be_read: bool = False) -> Hostile:
        return Hostile(
            kind=self._kind, name=name, raw=raw, reasons=self._reasons, may_be_read=may_be_read
        )


def _empty() -> Iterator[Hostile]:
    of = _are("empty", Reason.EMPTY)
    for name in ("a.txt", "a.pdf", "a.docx", "a.xlsx", "a.csv", "a.md", "a", ".", "a.exe"):
        yield of(name, b"")
    for blank in (
        b" ",
        b"\n\n\n",
        b"\t \r\n",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        "\u200b\u2060".encode(),
    ):
        yield of("a.txt", blank)


def _wrong_types() -> Iterator[Hostile]:
    of = _are("wrong type", Reason.WRONG_TYPE)
    heads = (
        b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\x00\x00\x00\x00WEBP",
        b"II*\x00", b"\x7fELF\x02", b"MZ\x90\x00", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00",
        b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"SQLite format 3\x00", b"{\\rtf1\\ansi hello}",
        b"ID3\x03", b"OggS", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xca\xfe\xba\xbe",
    )  # fmt: skip
    for head in heads:
        for name in ("a.txt", "notes.pdf", "b.docx"):
            yield of(name, head + bytes(range(256)) * 8)
    for markup in ("<!DOCTYPE html><html>", "<html><body>", "<?xml version='1.0'?><a/>", "<svg/>"):
        yield of("a.txt", markup.encode())
    yield of("noise.txt", Random(1).randbytes(5_000))
    yield of("nulls.txt", b"text and \x00\x00\x00\x00 then some")
    yield of("nested.zip", zip_of({"inner.docx": docx_file("text")}))
    yield of("nested.docx", zip_of({"a.zip": zip_of({"b.zip": zip_of({"c.txt": "text"})})}))
    for main in ("presentationml.presentation.main+xml", "wordprocessingml.template.main+xml"):
        types = f'<Types><Override ContentType="application/vnd.x-officedocument.{main}"/></Types>'
        yield of("a.docx", zip_of({"[Content_Types].xml": types}))


def _promises() -> Iterator[Hostile]:
    of = _are("text that is called something else", Reason.BROKEN)
    for suffix in (".pdf", ".docx", ".xlsx", ".doc", ".xls", ".PDF"):
        yield of(f"a{suffix}", b"Plain text that says it is something else.")


def _entities() -> Iterator[Hostile]:
    of = _are("entities", Reason.FORBIDDEN_CONTENT, Reason.BROKEN)
    doctypes = (
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
        f'<!DOCTYPE x [<!ENTITY l0 "lol">{_LAUGHS}]>',
        f'<!DOCTYPE x [<!ENTITY e "{"A" * 100_000}">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    )
    for doctype in doctypes:
        for raw, part in ((docx_file("text"), DOCUMENT), (xlsx_file(["text", "more"]), _SHEET)):
            suffix = "docx" if part == DOCUMENT else "xlsx"
            whole = parts_of(raw)
            xml = whole[part].decode().split("?>", 1)[-1]
            for text in (_HEAD + doctype + xml, doctype + xml):
                yield of(f"a.{suffix}", changed(raw, {part: text}))
            wide = '<?xml version="1.0" encoding="UTF-16"?>' + doctype + xml
            yield of(f"a.{suffix}", changed(raw, {part: wide.encode("utf-16")}))
            for other in ("[Content_Types].xml", "_rels/.rels"):
                there = whole[other].decode().split("?>", 1)[-1]
                yield of(f"a.{suffix}", changed(raw, {other: _HEAD + doctype + there}))


def _bombs() -> Iterator[Hostile]:
    of = _are("bomb", Reason.EXPANDS_TOO_FAR, Reason.BROKEN, Reason.TOO_COMPLEX)
    zeros = b"\x00" * 60_000_000
    for raw, suffix in ((docx_file("text"), "docx"), (xlsx_file(["text", "more"]), "xlsx")):
        yield of(f"a.{suffix}", changed(raw, {"media/big.bin": zeros}))
        part = DOCUMENT if suffix == "docx" else _SHEET
        yield of(f"a.{suffix}", changed(raw, {part: b"<a>" + b" " * 60_000_000 + b"</a>"}))
        many = {f"media/{number}.bin": b"\x00" * 3_000_000 for number in range(20)}
        yield of(f"a.{suffix}", changed(raw, many))
        yield of(f"a.{suffix}", changed(raw, {f"m/{n}": "" for n in range(6_000)}))
    # What the archive says of a part's size is a lie.
    lying = bytearray(changed(docx_file("text"), {"media/big.bin": zeros}))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = lying.rfind(mark, 0, lying.rfind(b"media/big.bin") if mark[2] == 3 else None)
        struct.pack_into("<I", lying, at + place, 1_000)
    yield of("lying.docx", bytes(lying))


def _deep() -> Iterator[Hostile]:
    of = _are("deep XML", Reason.TOO_COMPLEX, Reason.BROKEN)
    for depth in (300, 5_000, 200_000):
        nest = "<w:p>" * depth + "</w:p>" * depth
        yield of("a.docx", docx_file("text", body=nest))
        text = f"<worksheet><sheetData>{'<row>' * depth}{'</row>' * depth}</sheetData></worksheet>"
        yield of("a.xlsx", changed(xlsx_file(["text", "more"]), {_SHEET: text}))


def _names() -> Iterator[Hostile]:
    of = _are("names in archives", Reason.FORBIDDEN_CONTENT, Reason.BROKEN)
    for name in (
        "../../etc/passwd", "/etc/passwd", "word/../../x.xml", "..", "C:\\x.xml", "a\\..\\b.xml",
    ):  # fmt: skip
        yield of("a.docx", changed(docx_file("text"), {name: "x"}))
        yield of("a.xlsx", changed(xlsx_file(["text", "more"]), {name: "x"}))
    for raw, suffix in ((docx_file("text"), "docx"), (xlsx_file(["text", "more"]), "xlsx")):
        twice = BytesIO(raw)
        with zipfile.ZipFile(twice, "a") as archive, warnings.catch_warnings(action="ignore"):
            archive.writestr("[Content_Types].xml", "<Types/>")
        yield of(f"twice.{suffix}", twice.getvalue())


def _macros() -> Iterator[Hostile]:
    of = _are("macros", Reason.MACROS)
    for raw, folder, suffix in (
        (docx_file("text"), "word", "docm"),
        (xlsx_file(["text", "more"]), "xl", "xlsm"),
    ):
        yield of(f"a.{suffix}", changed(raw, {f"{folder}/vbaProject.bin": b"\xd0\xcf\x11\xe0"}))
        types = parts_of(raw)["[Content_Types].xml"].decode()
        for main in ("document.main+xml", "sheet.main+xml"):
            types = types.replace(main, "macroEnabled.main+xml")
        yield of(f"b.{suffix}", changed(raw, {"[Content_Types].xml": types}))


def _encrypted() -> Iterator[Hostile]:
    of = _are("encrypted", Reason.ENCRYPTED)
    outer = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 1_000
    for name in ("a.docx", "a.xlsx"):
        yield of(name, outer + "EncryptedPackage".encode("utf-16-le") + b"\x00" * 1_000)
    for password in ("secret", "pässword"):
        writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf_file("Text that is secret."))))
        writer.encrypt(password, algorithm="RC4-128")
        out = BytesIO()
        writer.write(out)
        yield of("a.pdf", out.getvalue())
    for cipher in (
        (
            "/Filter /Standard /V 5 /R 6 /Length 256 /CF << /StdCF << /CFM /AESV3 >> >>"
            " /StmF /StdCF /StrF /StdCF"
        ),
        (
            "/Filter /Standard /V 4 /R 4 /Length 128 /CF << /StdCF << /CFM /AESV2 >> >>"
            " /StmF /StdCF /StrF /StdCF"
        ),
    ):
        keys = f"/O ({'x' * 48}) /U ({'y' * 48}) /OE ({'x' * 32}) /UE ({'y' * 32}) /P -4"
        base = pdf_file("Text").decode("latin-1")
        tail = f"/ID [(a) (b)] /Encrypt << {cipher} {keys} /Perms ({'z' * 16}) >> /Root"
        yield of("a.pdf", base.replace("/Root", tail, 1).encode("latin-1"))
    for raw, suffix in ((docx_file("text"), "docx"), (xlsx_file(["text", "more"]), "xlsx")):
        marked = bytearray(raw)
        for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = marked.find(mark)
            while at >= 0:
                marked[at + place] |= 1
                at = marked.find(mark, at + 1)
        yield of(f"zipped.{suffix}", bytes(marked))


def _scanned() -> Iterator[Hostile]:
    of = _are("scanned", Reason.NO_TEXT, Reason.EMPTY)
    for pages in (1, 3, 20):
        yield of("scan.pdf", pdf_file(*[""] * pages))
    yield of("a.docx", docx_file())
    yield of("a.docx", docx_file("", " ", ""))
    yield of("a.xlsx", xlsx_file())
    yield of("a.xlsx", xlsx_file([None, None], ["", " "]))


def _truncated() -> Iterator[Hostile]:
    of = _are("truncated", *Reason)
    long = "A paragraph that says enough to be told from noise. " * 40
    samples = {
        "a.pdf": pdf_file(*["A page with a line of text"] * 5),
        "a.docx": docx_file(*[long] * 5),
        "a.xlsx": xlsx_file(["Name", "Text"], *[[f"n{n}", long] for n in range(20)]),
    }
    for name, raw in samples.items():
        for part in range(1, 20):
            cut = raw[: len(raw) * part // 20]
            # Of a PDF that breaks off, what came before may still be read.
            yield of(name, cut, may_be_read=name == "a.pdf")


def _damaged() -> Iterator[Hostile]:
    """A byte here and there is another one: either it is found broken, or read."""
    of = _are("damaged", *Reason)
    samples = {
        "a.pdf": pdf_file(*["A page with a line of text"] * 3),
        "a.docx": docx_file(*["Some words"] * 30),
        "a.xlsx": xlsx_file(*[["Name", "Text"]] * 30),
    }
    for name, raw in samples.items():
        for seed in range(12):
            random = Random(seed)
            broken = bytearray(raw)
            for _ in range(1 + seed * 3):
                broken[random.randrange(len(broken))] = random.randrange(256)
            yield of(name, bytes(broken), may_be_read=True)


def _broken_pdfs() -> Iterator[Hostile]:
    of = _are("broken PDF", *Reason)
    yield of("a.pdf", b"%PDF-1.4\n%%EOF")
    yield of("a.pdf", b"%PDF-" + Random(3).randbytes(20_000))
    yield of("a.pdf", b"junk " * 100 + b"%PDF-1.7\n" + b"1 0 obj <<" * 2_000)
    yield of("a.pdf", pdf_of(["<< /Type /Catalog >>"]))
    yield of("a.pdf", pdf_of(["<< /Type /Catalog /Pages 1 0 R >>"]))
    yield of("a.pdf", b"%PDF-1.4\n" + b"[" * 100_000)
    yield of("a.pdf", b"%PDF-1.4\n" + b"<<" * 100_000)
    yield of("a.pdf", b"%PDF-1.4\ntrailer << /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF")


def _endless_pdfs() -> Iterator[Hostile]:
    """Pages, forms and streams that lead back to themselves, or that never end."""
    of = _are("endless PDF", *Reason)
    root = "<< /Type /Catalog /Pages 2 0 R >>"
    yield of("a.pdf", pdf_of([root, "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]))
    yield of("a.pdf", pdf_of([root, "<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R] /Count 9 >>"]))
    two = ["<< /Type /Pages /Kids [3 0 R] >>", "<< /Type /Pages /Kids [2 0 R] /Parent 2 0 R >>"]
    yield of("a.pdf", pdf_of([root, *two]))
    yield of("a.pdf", pdf_of([root, "<< /Type /Pages /Kids [] /Count 2000000000 >>"]))
    page = (
        "<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>"
    )
    pages = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    draw = "<< /Length 5 >>\nstream\n/X Do\nendstream"
    form = (
        "<< /Type /XObject /Subtype /Form /Resources << /XObject << /X 5 0 R >> >> /Length 15 >>"
        "\nstream\n/X Do /X Do /X Do\nendstream"
    )
    yield of("a.pdf", pdf_of([root, pages, page, draw, form]))
    kids = " ".join(["3 0 R"] * 2_000)
    yield of(
        "a.pdf",
        pdf_of([root, f"<< /Type /Pages /Kids [{kids}] /Count 2000 >>", page, draw, "<< >>"]),
    )
    bomb = zlib.compress(b"(A) Tj " * 20_000_000, 9).decode("latin-1")
    content = f"<< /Filter /FlateDecode /Length {len(bomb)} >>\nstream\n{bomb}\nendstream"
    yield of("bomb.pdf", pdf_of([root, pages, page, content, "<< >>"]))


def _dimensions() -> Iterator[Hostile]:
    """Sheets that say that they are huge, or are."""
    of = _are("huge sheet", *Reason)
    raw = xlsx_file(["text", "more"])
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    for dimension in ("A1:XFD1048576", "A1:ZZZZ99999999", "XFD1048576:A1"):
        xml = f'{sheet}<dimension ref="{dimension}"/><sheetData/></worksheet>'
        yield of("a.xlsx", changed(raw, {_SHEET: xml}))
    for place in ("XFD1048576", "ZZZZZ99999999999", "A0", "1A"):
        cell = f'<row r="1048576"><c r="{place}" t="inlineStr"><is><t>x</t></is></c></row>'
        xml = f"{sheet}<sheetData>{cell}</sheetData></worksheet>"
        yield of("a.xlsx", changed(raw, {_SHEET: xml}), may_be_read=True)
    row = "<row>" + '<c t="inlineStr"><is><t>x</t></is></c>' * 50 + "</row>"
    xml = f"{sheet}<sheetData>{row * 5_500}</sheetData></worksheet>"
    yield of("many.xlsx", changed(raw, {_SHEET: xml}))


def _long() -> Iterator[Hostile]:
    of = _are("long", Reason.TOO_MANY_CHARACTERS, Reason.TOO_MANY_CELLS)
    yield of("a.txt", b"word " * 900_000)
    yield of("a.md", "wörter ".encode() * 700_000)
    yield of("a.csv", b"a,b\n" + b"some words,more words\n" * 190_000)
    yield of("a.docx", docx_file(*["word " * 100_000] * 9))


def _csvs() -> Iterator[Hostile]:
    of = _are("odd CSV", *Reason)
    yield of("a.csv", b'"never closed' + b"x,y\n" * 1_000, may_be_read=True)
    yield of("a.csv", b"," * 1_000_000)
    yield of("a.csv", b"a" * 200_000 + b",b\n1,2", may_be_read=True)
    yield of("a.csv", b"x," * 300_000)


_KINDS = (
    _empty, _wrong_types, _promises, _entities, _bombs, _deep, _names, _macros, _encrypted,
    _scanned, _truncated, _damaged, _broken_pdfs, _endless_pdfs, _dimensions, _long, _csvs,
)  # fmt: skip
