"""Arrays as text: what PostgreSQL reads is what was written."""

import pytest
from django.db import connection

from fanal.db.sql import text_array

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["plain", "two words", "é’« »"],
        ['"', "\\", "NULL", "{a,b}"],
        ['","', 'a"b', "c\\"],
        ["line\nbreak\ttab", "'quoted'", "%s"],
    ],
)
def test_what_is_written_is_read(texts: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [text_array(texts)])
        assert cursor.fetchone() == (texts,)
