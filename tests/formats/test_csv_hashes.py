"""CSV lists: generous about form, strict about values, safe in a spreadsheet, read back the same."""

import pytest

from fanal.formats.csv_hashes import COLUMNS, read_csv, writable, write_csv
from fanal.formats.indicators import Indicator
from fanal.formats.refusal import DocumentFault, FormatRefused
from tests.formats.indicator_items import ITEMS

MD5, SHA256 = "a" * 32, "b" * 64


@pytest.mark.parametrize(
    "text",
    [
        f"md5,sha256,classification\n{MD5},{SHA256},A1\n",
        f"\ufeffMD5;SHA-256;Classification\r\n{MD5.upper()};{SHA256};A1\r\n",
        f"SHA_256\tCategory\tmd5_hash\n{SHA256}\tA1\t {MD5} \n",
        f"Hash MD5|hash-sha256|Catégorie\n\n{MD5}|{SHA256}|A1\n||\n",
        f'"Class","md5","Sha256","PDQ"\n"A1","{MD5}","{SHA256}",""\n',
    ],
)
def test_form_does_not_matter(text: str) -> None:
    [item] = read_csv(text.splitlines(keepends=True))
    assert (item.values, item.classification) == ({"MD5": MD5, "SHA256": SHA256}, "A1")


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ("", DocumentFault.UNKNOWN_FIELD, "line 1"),
        ("\n", DocumentFault.UNKNOWN_FIELD, "line 1"),
        ("md5,surprise\n", DocumentFault.UNKNOWN_FIELD, "line 1"),
        ("md5,MD5\n", DocumentFault.UNKNOWN_FIELD, "line 1"),
        (f"md5\n{MD5}\nzz\n", DocumentFault.WRONG_TYPE, "line 3"),
        (f"md5\n{MD5}0\n", DocumentFault.WRONG_TYPE, "line 2"),
        ("pdq\n" + "٣" * 64 + "\n", DocumentFault.WRONG_TYPE, "line 2"),
        (f"md5,pdq\n{MD5}\n", DocumentFault.MISSING_FIELD, "line 2"),
        (f"md5\n{MD5},x\n", DocumentFault.MISSING_FIELD, "line 2"),
        ("md5,class\n,A1\n", DocumentFault.MISSING_FIELD, "line 2"),
        (f"md5,class\n{MD5},{'x' * 101}\n", DocumentFault.TEXT_TOO_LONG, "line 2"),
        (f'md5,class\n{MD5},"a\n', DocumentFault.MALFORMED, "line 2"),
        (f'md5,class\n{MD5},"a"b\n', DocumentFault.MALFORMED, "line 2"),
    ],
)  # fmt: skip
def test_values_do(text: str, code: DocumentFault, path: str) -> None:
    with pytest.raises(FormatRefused) as refused:
        list(read_csv(text.splitlines(keepends=True)))
    assert (refused.value.code, refused.value.path) == (code, path)


def test_what_is_written_is_read_the_same() -> None:
    items = [item for item in ITEMS if writable(item)]
    assert len(items) == 5
    back = list(read_csv(write_csv(items)))
    assert [(i.values, i.classification) for i in back] == [
        (i.values, i.classification) for i in items
    ]


@pytest.mark.parametrize("word", ["=1+1", "+x", "-x", "@x", "'x", "'=x", 'a,b"c'])
def test_no_cell_is_a_formula_and_every_class_comes_back(word: str) -> None:
    photodna = "+" + "A" * 191
    item = Indicator(values={"MD5": MD5, "PHOTODNA": photodna}, classification=word)
    lines = list(write_csv([item]))
    assert lines[0] == ",".join(COLUMNS) + "\r\n"
    cells = lines[1].replace('"', "").rstrip().split(",")
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    [back] = read_csv(lines)
    assert (back.values, back.classification) == (item.values, word)
