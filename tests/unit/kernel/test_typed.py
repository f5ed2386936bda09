"""Numbers and addresses of strangers are read or refused, never an exception."""

import pytest

from fanal.kernel.typed import is_sheltered, split_address, whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_whole_numbers_are_read(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "²", "①", "\N{FULLWIDTH DIGIT ONE}", "٣", "-1", "+1", " 1", "1_0", "1.0", "9" * 5000],
)
def test_anything_else_is_none(text):
    assert whole_number(text) is None


def test_digits_are_bounded():
    assert whole_number("12345", digits=5) == 12345
    assert whole_number("123456", digits=5) is None


@pytest.mark.parametrize("text", ["http://[", "http://[::1", "https://\N{ACCOUNT OF}.example/"])
def test_what_is_no_address_is_none(text):
    assert split_address(text) is None


def test_an_address_is_split():
    parts = split_address("https://fanal.example:8443/en/?a=b")
    assert parts is not None
    assert (parts.netloc, parts.path, parts.query) == ("fanal.example:8443", "/en/", "a=b")


@pytest.mark.parametrize(
    "address",
    [
        "https://id.example.org/x",
        "https://id.example.org:8443",
        "http://127.0.0.1:9000/x",
        "http://[::1]:9000/",
        "http://localhost/",
    ],
)
def test_nobody_on_the_way_reads_these(address):
    assert is_sheltered(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "id.example.org",
            "https://",
            "https:///x",
            "http://id.example.org/",
            "ftp://127.0.0.1/",
        ),
        *("http://0.0.0.0/", "http://10.0.0.1/", "http://localhost.example.org/", "http://127.1/"),
        *(
            "https://a@id.example.org/",
            "https://id.example.org:x/",
            "http://[",
            "http://127.0.0.1@x.test/",
        ),
    ],
)
def test_somebody_may_read_these(address):
    assert not is_sheltered(address)
