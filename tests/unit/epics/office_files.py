"""Files as people hand them in, made small."""

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO

import docx
from openpyxl import Workbook  # type: ignore[import-untyped]  # it ships no types

#: Where Word keeps the text.
DOCUMENT = "word/document.xml"


def docx_file(*paragraphs: str, body: str = "") -> bytes:
    """A Word document; `body` is XML that is put before its end."""
    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    out = BytesIO()
    document.save(out)
    if not body:
        return out.getvalue()
    xml = parts_of(out.getvalue())[DOCUMENT].decode()
    return changed(out.getvalue(), {DOCUMENT: xml.replace("<w:sectPr", f"{body}<w:sectPr", 1)})


def xlsx_file(*rows: Sequence[object], title: str = "Sheet") -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(row)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def pdf_file(*pages: str) -> bytes:
    """A PDF of one line a page."""
    kids = " ".join(f"{3 + 2 * place} 0 R" for place in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
    ]
    for place, text in enumerate(pages):
        content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else "0 0 100 100 re f"
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792]"
                f" /Contents {4 + 2 * place} 0 R /Resources << /Font << /F1 {font} >> >> >>"
            ),
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    return pdf_of(objects)


def pdf_of(objects: list[str], trailer: str = "") -> bytes:
    """A PDF of these objects, the first of which is its root."""
    out, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\n"
    return out + f"{head}{end}startxref\n{len(out)}\n%%EOF\n".encode("latin-1")


def parts_of(raw: bytes) -> dict[str, bytes]:
    """{name: content} of an archive."""
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zip_of(parts: Mapping[str, bytes | str]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed(raw: bytes, parts: Mapping[str, bytes | str]) -> bytes:
    """The archive with these parts in the place of its own, or beside them."""
    return zip_of({**parts_of(raw), **parts})
