"""Posted fields as typed values: what is missing, what cannot be read, and what comes back as typed."""

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import whole_number
from fanal.web.forms import Parsed, PostedForm, Several, lines, text


class Form(PostedForm):
    refuses = "odd"
    name = text()
    words = lines()
    begins = Parsed(int, posted="from", required=False)
    kind = Parsed({"A": 1}.get, "KIND", otherwise=0)
    chosen = Several(int, "CHOSEN")
    count = Parsed(whole_number, "COUNT")


GOOD = "name=+West+&words=a%0D%0Ab&from=3&kind=A&chosen=1&chosen=2&count=7"


def form(query):
    request = RequestFactory().post("/")
    request.POST = QueryDict(query)
    return Form(request)


def test_fields_have_their_types():
    assert form(GOOD).checked().cleaned_data == {
        "name": "West", "words": "a\nb", "begins": 3, "kind": 1, "chosen": [1, 2], "count": 7,
    }  # fmt: skip


def test_what_is_missing_is_empty():
    assert form("count=0").checked().cleaned_data == {
        "name": "", "words": "", "begins": None, "kind": 0, "chosen": [], "count": 0,
    }  # fmt: skip


@pytest.mark.parametrize("query", ["", "count=x", "count=x&name=%00"])
def test_an_unreadable_field_is_refused_by_its_code(query):
    with pytest.raises(Refusal, match="COUNT"):
        form(query).checked()


def test_the_first_unreadable_field_counts():
    with pytest.raises(Refusal, match="CHOSEN"):
        form("chosen=1&chosen=x&count=x").checked()


def test_a_field_without_a_code_is_a_wrong_value():
    with pytest.raises(ValueError, match="unreadable"):
        form("from=x&count=1").checked()


def test_the_fields_come_back_as_typed():
    assert form("name=+West+&from=x&chosen=x&chosen=y").typed == {
        "name": " West ", "words": "", "from": "x", "kind": "", "chosen": ["x", "y"], "count": "",
    }  # fmt: skip
