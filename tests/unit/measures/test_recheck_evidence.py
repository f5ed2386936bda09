"""The WARC file of a recheck, read back by warcio itself, and files that were made elsewhere."""

from datetime import UTC, datetime
from io import BytesIO
from uuid import UUID

import msgspec
from hypothesis import given, strategies as st
from warcio.archiveiterator import ArchiveIterator

from fanal.measures.recheck.evidence import write_warc
from fanal.measures.recheck.sight import Sight

AT = datetime(2026, 12, 3, 9, 0, tzinfo=UTC)
ID = UUID(int=7)
ADDRESS = "https://pictures.example/album/7"
SEEN = Sight(
    url=ADDRESS, addresses=("192.0.2.7",), peer="192.0.2.7", status=200, sha256="ab" * 32,
    headers=(("content-type", "text/html; charset=utf-8"), ("x-odd", "é\u2028")), source="<p>été</p>",
)  # fmt: skip


def records(content: bytes) -> list[tuple[str, str, bytes]]:
    return [
        (one.rec_type, one.rec_headers.get_header("WARC-Target-URI") or "", one.raw_stream.read())
        for one in ArchiveIterator(BytesIO(content), no_record_parse=True, check_digests="raise")
    ]


def test_a_recheck_is_a_warc_file_of_texts() -> None:
    found = records(write_warc([SEEN], recheck_id=ID, at=AT))
    assert [kind for kind, _, _ in found] == ["warcinfo", "response", "conversion", "metadata"]
    assert {url for kind, url, _ in found if kind != "warcinfo"} == {ADDRESS}
    assert found[1][2].startswith(b"HTTP/1.1 200 \r\n")
    assert found[1][2].endswith(b"\r\n\r\n")  # no body
    assert found[2][2].decode() == SEEN.source
    assert msgspec.json.decode(found[3][2])["sha256"] == "ab" * 32


def test_a_fault_has_no_response() -> None:
    found = records(write_warc([Sight(url=ADDRESS, fault="TIMEOUT")], recheck_id=ID, at=AT))
    assert [kind for kind, _, _ in found] == ["warcinfo", "metadata"]
    assert msgspec.json.decode(found[1][2])["fault"] == "TIMEOUT"


def test_the_same_recheck_has_the_same_bytes() -> None:
    assert write_warc([SEEN], recheck_id=ID, at=AT) == write_warc([SEEN], recheck_id=ID, at=AT)
    assert write_warc([SEEN], recheck_id=UUID(int=8), at=AT) != write_warc(
        [SEEN], recheck_id=ID, at=AT
    )


@given(
    url=st.text(min_size=1, max_size=60),
    headers=st.lists(st.tuples(st.from_regex(r"[a-z-]{1,10}", fullmatch=True), st.text(max_size=30)), max_size=4),
    source=st.text(max_size=100),
)  # fmt: skip
def test_hostile_values_make_no_other_record(
    url: str, headers: list[tuple[str, str]], source: str
) -> None:
    source = source.encode(errors="replace").decode()
    headers = [
        (k, v.encode("latin-1", "replace").decode("latin-1").replace("\r", "").replace("\n", ""))
        for k, v in headers
    ]
    sight = Sight(
        url=url.encode(errors="replace").decode(), status=200, headers=tuple(headers), source=source
    )
    found = records(write_warc([sight], recheck_id=ID, at=AT))
    assert len(found) == (4 if source else 3)
