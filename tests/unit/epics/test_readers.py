"""The texts of files: what is found in honest ones, and that no other does harm."""

import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from batchgen.errors import BatchgenError, PayloadTooLarge, Throttled
from epics.files import upload_text
from epics.files.readers.formats import text_of
from epics.files.readers.refusals import FileRefused, Reason
from epics.files.upload_text import file_handed, text_handed
from tests.unit.epics.hostile_files import Hostile, all_of
from tests.unit.epics.office_files import docx_file, pdf_file, xlsx_file

HOSTILE = all_of()
#: Only the limits of a process of its own end these.
ENDLESS = {"endless PDF", "huge sheet", "long"}
ONE_OF_A_KIND = list({hostile.kind: hostile for hostile in HOSTILE}.values())


def text(raw: bytes, name: str = "a.txt") -> str:
    return text_of(raw, name=name).text


def children() -> set[str]:
    """Processes of ours, dead ones that nobody has asked for too."""
    found = subprocess.run(
        ["/bin/ps", "-o", "comm=,pid=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=False,
    )
    return {line for line in found.stdout.splitlines() if not line.startswith("ps ")}


def here(hostile: Hostile) -> Reason | None:
    """Why the file is refused, None where it is read."""
    try:
        text_of(hostile.raw, name=hostile.name)
    except FileRefused as refused:
        return refused.reason
    return None


def apart(hostile: Hostile) -> Reason | None:
    """The same in a process of its own."""
    try:
        file_handed(hostile.raw, name=hostile.name)
    except BatchgenError as error:
        return Reason(str(error.details["reason"]))
    return None


def is_right(hostile: Hostile, reason: Reason | None) -> bool:
    if reason is None:
        return hostile.may_be_read
    return reason in hostile.reasons or (hostile.kind in ENDLESS and reason is Reason.TOO_COMPLEX)


class TestHonest:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
    def test_text_in_any_usual_encoding(self, encoding: str) -> None:
        assert text("Müller said:\r\n“no”.\r\n".encode(encoding)) == "Müller said:\n“no”."

    @pytest.mark.parametrize(
        ("name", "media_type"),
        [("a.md", "text/markdown"), ("A.MARKDOWN", "text/markdown"), ("a.log", "text/plain")],
    )
    def test_markdown_is_text(self, name: str, media_type: str) -> None:
        found = text_of(b"# Notes\n\n- one\n- two\n", name=name)
        assert (found.media_type, found.text) == (media_type, "# Notes\n\n- one\n- two")

    def test_what_nobody_sees_is_left_out_and_empty_lines_are_one(self) -> None:
        assert text(b"\xef\xbb\xbfone\x07 \n\n\n\n\x0ctwo\x0b three \t\n") == "one\n\ntwo\n three"

    def test_rows_of_a_csv_name_their_columns(self) -> None:
        raw = b'Id;Wish;By\n1;"more; and\nmore";Ann\n2;;Bob\n\n;less;\n'
        assert text(raw, "a.csv") == (
            "Id: 1\nWish: more; and\nmore\nBy: Ann\n\nId: 2\nBy: Bob\n\nWish: less"
        )

    def test_a_table_without_names_is_read_as_it_is(self) -> None:
        assert text(b"1,2\n3,4\n", "a.csv") == "1 | 2\n\n3 | 4"

    def test_a_workbook_has_its_sheets_values_and_titles(self) -> None:
        raw = xlsx_file(
            ["Feedback of May"], ["When", "What"], [date(2026, 5, 1), "slow"],
            [datetime.fromisoformat("2026-05-02T09:30"), 7], [None, True],
        )  # fmt: skip
        found = text_of(raw, name="a.bin")
        assert found.media_type.endswith("spreadsheetml.sheet")
        assert found.text == (
            "Feedback of May\n\nWhen: 2026-05-01\nWhat: slow\n\n"
            "When: 2026-05-02 09:30:00\nWhat: 7\n\nWhat: True"
        )

    def test_a_document_has_tables_tracked_insertions_and_fields(self) -> None:
        body = (
            "<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins><w:del><w:r><w:delText>deleted"
            "</w:delText></w:r></w:del><w:sdt><w:sdtContent><w:r><w:tab/><w:t>field</w:t></w:r>"
            "</w:sdtContent></w:sdt></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p>"
            "</w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        )
        found = text_of(docx_file("first", "", "second", body=body), name="a")
        assert found.media_type.endswith("wordprocessingml.document")
        assert found.text == "first\n\nsecond\n\ninserted\tfield\n\na | b"

    def test_a_pdf_has_its_pages(self) -> None:
        found = text_of(pdf_file("Page one", "Page two"), name="a.txt")
        assert (found.media_type, found.text) == ("application/pdf", "Page one\n\nPage two")

    def test_a_text_that_is_no_file_is_kept_alike(self) -> None:
        handed = text_handed("a\r\nb \x00", name="n.md")
        assert (handed.text, handed.media_type, handed.bytes) == ("a\nb", "text/markdown", 6)


class TestHostile:
    def test_there_are_many(self) -> None:
        assert len(HOSTILE) > 200
        assert len(ONE_OF_A_KIND) > 15

    @pytest.mark.parametrize("kind", sorted({hostile.kind for hostile in HOSTILE} - ENDLESS))
    def test_each_is_refused_for_what_it_is(self, kind: str) -> None:
        of_kind = [hostile for hostile in HOSTILE if hostile.kind == kind]
        assert not [hostile for hostile in of_kind if not is_right(hostile, here(hostile))]

    @pytest.mark.parametrize("kind", sorted(ENDLESS))
    def test_each_of_those_is_ended(self, kind: str, settings: Settings) -> None:
        settings.UPLOAD_READ_S = 1
        before = children()
        of_kind = [hostile for hostile in HOSTILE if hostile.kind == kind]
        assert not [hostile for hostile in of_kind if not is_right(hostile, apart(hostile))]
        assert children() == before

    @pytest.mark.parametrize(
        "hostile",
        [hostile for hostile in ONE_OF_A_KIND if hostile.kind not in ENDLESS],
        ids=lambda hostile: hostile.kind,
    )
    def test_its_process_ends_with_it(self, hostile: Hostile) -> None:
        before = children()
        assert is_right(hostile, apart(hostile))
        assert children() == before


class TestProcess:
    def test_one_that_is_too_slow_is_killed(self, settings: Settings) -> None:
        """Python alone takes longer to start and to load what reads a document."""
        settings.UPLOAD_READ_S = 0.1
        before = children()
        with pytest.raises(PayloadTooLarge) as caught:
            file_handed(docx_file("some words"), name="a.docx")
        assert caught.value.details["reason"] == "TOO_COMPLEX"
        assert children() == before

    def test_it_has_no_secret_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
        seen: list[dict[str, str]] = []
        start = subprocess.Popen

        def started(*args: object, **kwargs: object) -> object:
            seen.append(kwargs["env"])  # type: ignore[arg-type]
            return start(*args, **kwargs)  # type: ignore[call-overload]

        monkeypatch.setattr(subprocess, "Popen", started)
        file_handed(b"text", name="a.txt")
        assert [set(env) for env in seen] == [{"PYTHONPATH"}]

    def test_it_may_not_write_nor_take_more(self, tmp_path: Path) -> None:
        program = (
            "import sys\n"
            "from epics.files.readers.__main__ import limits_set\n"
            "limits_set(2)\n"
            "try:\n    open(sys.argv[1], 'wb', 0).write(b'x'); print('wrote', flush=True)\n"
            "except OSError:\n    print('refused', flush=True)\n"
            "try:\n    bytearray(2_000_000_000); print('had', flush=True)\n"
            "except MemoryError:\n    print('refused', flush=True)\n"
            "while True: pass\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "written")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == ["refused", "refused"]
        assert done.returncode < 0

    def test_so_many_are_read_at_once_and_no_more(self) -> None:
        held = [upload_text._places.acquire(blocking=False) for _ in range(2)]
        try:
            with pytest.raises(Throttled):
                file_handed(b"text", name="a.txt")
        finally:
            for _ in held:
                upload_text._places.release()
        assert file_handed(b"text", name="a.txt").text == "text"
