"""Packages from outside: looked over before one byte is read, refused as a whole, read in pieces."""

import io
import zipfile
import zlib

import pytest
from hypothesis import given, settings, strategies as st

from fanal.formats import packages
from fanal.formats.ncmec_json import count_reports, read_package
from fanal.formats.packages import ZipPackage
from fanal.formats.refusal import DocumentFault, FormatRefused
from tests.formats.zips import damaged, export, linked, marked, overlapping, zipped

GOOD = {"12/12.json": export(12, {"filename": "a.bin"}), "12/files/a.bin": b"a" * 70_000}


def opened(data: bytes) -> ZipPackage:
    return ZipPackage(io.BytesIO(data))


def test_a_package_gives_its_files_in_pieces() -> None:
    package = opened(zipped(GOOD))
    assert [m.name for m in package.members] == list(GOOD)
    assert {m.name: b"".join(package.chunks(m)) for m in package.members} == GOOD
    assert package.members[1].crc == zlib.crc32(GOOD["12/files/a.bin"])
    package.prove()


@pytest.mark.parametrize(
    "name",
    [
        *("../a", "a/../../b", "/etc/a", "\\a", "..\\a", "C:\\a", "c:a", "a//b", "./a", "a/./b"),
        *("a\x00b", "a\nb", "a\u202eb", "a\x1b[2J", "n" * 1001, " ", "a/..", "//host/share"),
    ],
)
def test_a_name_that_leaves_the_package_is_refused(name: str) -> None:
    with pytest.raises(FormatRefused) as refused:
        opened(zipped({"1.json": export(1), name: b"x"}))
    assert refused.value.code is DocumentFault.UNSAFE_NAME
    assert refused.value.path.isprintable()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", DocumentFault.MALFORMED),
        (b"PK\x03\x04", DocumentFault.MALFORMED),
        (zipped(GOOD)[:-30], DocumentFault.MALFORMED),
        (zipped(GOOD)[200:], DocumentFault.BOMB),
        (linked(), DocumentFault.LINK),
        (marked(zipped(GOOD), flags=0x1), DocumentFault.ENCRYPTED),
        (marked(zipped(GOOD), flags=0x40), DocumentFault.ENCRYPTED),
        (marked(zipped(GOOD), flags=0x2000), DocumentFault.ENCRYPTED),
        (overlapping(), DocumentFault.BOMB),
        (zipped({"1.json": export(1), "zero": bytes(9_000_000)}), DocumentFault.BOMB),
        (zipped(GOOD, method=zipfile.ZIP_LZMA), DocumentFault.UNKNOWN_COMPRESSION),
        (zipped(GOOD, method=zipfile.ZIP_BZIP2), DocumentFault.UNKNOWN_COMPRESSION),
        (zipped({"a.json": b"{}", "A.JSON": b"{}"}), DocumentFault.DUPLICATE_NAME),
        (zipped({"a\\b": b"1", "a/b": b"2"}), DocumentFault.DUPLICATE_NAME),
        (zipped({"e\u0301": b"1", "\u00e9": b"2"}), DocumentFault.DUPLICATE_NAME),
    ],
    ids=range(15),
)
def test_a_package_that_could_harm_is_refused(data: bytes, code: DocumentFault) -> None:
    with pytest.raises(FormatRefused) as refused:
        opened(data)
    assert refused.value.code is code


def test_limits_of_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    data = zipped({f"{n}.bin": b"x" * 100 for n in range(12)})
    assert len(opened(data).members) == 12
    for name, code in (
        ("MAX_ENTRIES", DocumentFault.TOO_MANY_FILES),
        ("MAX_MEMBER", DocumentFault.TOO_LARGE),
        ("MAX_TOTAL", DocumentFault.BOMB),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(packages, name, 11)
            with pytest.raises(FormatRefused) as refused:
                opened(data)
        assert refused.value.code is code


def test_a_damaged_file_is_found_when_it_is_read() -> None:
    content = b"square" * 1000
    data = zipped({"1.json": export(1), "a.bin": content}, method=zipfile.ZIP_STORED)
    package = opened(damaged(data, content))
    with pytest.raises(FormatRefused):
        package.prove()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_bytes_never_raise_anything_else(data: st.DataObject) -> None:
    package = bytearray(zipped(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        package[data.draw(st.integers(0, len(package) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = opened(bytes(package))
        for _ in read_package(found):
            pass
        found.prove()
    except FormatRefused:
        pass


class TestReports:
    def test_each_file_goes_to_the_report_that_lists_it_or_is_nearest(self) -> None:
        package = opened(
            zipped(
                {
                    "1/1.json": export(1, {"filename": "a.bin"}),
                    "2/2.JSON": export(2, {"originalFilename": "b.bin"}, {"submittalId": "s-9"}),
                    "1/b.bin": b"listed by the other",
                    "2/deep/note.txt": b"nobody lists it",
                    "1/a.bin": b"listed",
                    "elsewhere/lost.txt": b"nobody near",
                    "1/s-9": b"by its id",
                }
            )
        )
        assert count_reports(package) == 2
        assert {r.document.text("reportId"): [f.name for f in r.files] for r in read_package(package)} == {
            "1": ["1/a.bin", "elsewhere/lost.txt"],
            "2": ["1/b.bin", "2/deep/note.txt", "1/s-9"],
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("files", "code"),
        [
            ({"a.bin": b"x"}, DocumentFault.NO_REPORT_INSIDE),
            ({"1.json": export(1), "2.json": b"{broken"}, DocumentFault.MALFORMED),
            ({"1.json": export(1), "2.json": b"[]"}, DocumentFault.WRONG_ROOT),
            ({"1.json": export(1), "more.zip": b"PK"}, DocumentFault.NESTED_PACKAGE),
            ({"in.ZIP": b"PK"}, DocumentFault.NESTED_PACKAGE),
        ],
        ids=range(5),
    )
    def test_what_may_hold_unread_reports_is_refused(
        self, files: dict[str, bytes], code: DocumentFault
    ) -> None:
        with pytest.raises(FormatRefused) as refused:
            list(read_package(opened(zipped(files))))
        assert refused.value.code is code

    def test_a_listed_package_or_document_is_a_file_like_any_other(self) -> None:
        listed = export(1, {"filename": "kept.zip"}, {"filename": "notes.json"})
        package = opened(zipped({"1.json": listed, "kept.zip": b"PK", "notes.json": b"[]"}))
        [report] = read_package(package)
        assert [f.name for f in report.files] == ["kept.zip", "notes.json"]
