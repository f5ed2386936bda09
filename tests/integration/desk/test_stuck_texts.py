"""The page of the text reader says when no worker reads the texts that wait."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from tests.integration.desk.story import Desk
from tests.server import as_worker

pytestmark = pytest.mark.django_db


def test_texts_that_nobody_reads_are_said_on_the_page(
    installed: Desk, sign_in: Callable[[str], Client]
) -> None:
    claire = sign_in("claire")

    def page(language: str) -> str:
        return claire.get(f"/{language}/desk/rules/readers/").content.decode()

    with as_worker(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM intake_work")
        cursor.execute(
            "INSERT INTO analyse_unread (report_id, emergency) VALUES (%s, false)", [uuid4()]
        )
    assert "Texts wait for the model" not in page("en")
    with as_worker(), connection.cursor() as cursor:
        cursor.execute("UPDATE analyse_unread SET queued_at = now() - interval '16 minutes'")
        waiting = cursor.rowcount
    assert "Texts wait for the model, and nobody reads them." in page("en")
    said = page("fr")
    assert "Des textes attendent le modèle" in said
    assert f"{waiting} texte" in said
