"""What a browser says of a file: a name and a type that no page, header or disk can be hurt by."""

import pytest

from fanal.casework.domain.proofs import ERASED, MAX_NAME, UNKNOWN_TYPE, clean_name, clean_type


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("accusé de réception.eml", "accusé de réception.eml"),
        ("C:\\Users\\claire\\capture.png", "capture.png"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\r\nSet-Cookie: x.pdf", "abSet-Cookie: x.pdf"),
        ("annexe\u202efdp.exe", "annexefdp.exe"),
        ("\u2066\u200fx\u2069.txt", "x.txt"),
        ("  two \u2003 spaces\u2028.txt ", "two spaces .txt"),
        ("e\u0301t\u00e9.pdf", "\u00e9t\u00e9.pdf"),
        ("\ud800lone.txt", "lone.txt"),
        ("", "proof"),
        ("\x00\x01", "proof"),
        ("..", "proof"),
        ("." * 500 + "y", "." * 118 + ".y"),
        ("folder/", "proof"),
        (ERASED, "proof"),
        ("إيصال.pdf", "إيصال.pdf"),
    ],
)
def test_a_name_loses_what_nobody_sees(told: str, kept: str) -> None:
    assert clean_name(told) == kept


@pytest.mark.parametrize(
    ("told", "end"),
    [("x" * 5000 + ".pdf", "x.pdf"), ("n." + "s" * 5000, "sss")],
    ids=["suffix", "all suffix"],
)
def test_a_long_name_is_cut_and_keeps_its_suffix(told: str, end: str) -> None:
    kept = clean_name(told)
    assert len(kept) == MAX_NAME
    assert kept.endswith(end)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("message/rfc822", "message/rfc822"),
        ("Application/PDF; name=x", "application/pdf"),
        ("text/html\r\nX: y", UNKNOWN_TYPE),
        ("image/svg+xml", "image/svg+xml"),
        ("", UNKNOWN_TYPE),
        ("a" * 200 + "/b", UNKNOWN_TYPE),
        ("<script>", UNKNOWN_TYPE),
    ],
)
def test_a_media_type_is_one_or_unknown(told: str, kept: str) -> None:
    assert clean_type(told) == kept
