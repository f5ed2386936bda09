"""Assets and catalogues of another version are seen by content, whatever the instants of the files say."""

import os
import shutil
from pathlib import Path

import pytest

from fanal.config.prepared import catalogues, is_prepared, mark_of, sources_digest

OLD = 946_684_800
"""An instant long before any preparation, as an archive keeps it."""
GUIDE = "../../../docs/how-to/fr/analyst.md"
"""The path of a guide from the folder of the web package."""


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A tree that was prepared."""
    web = tmp_path / "src" / "fanal" / "web"
    sources = ("static/a.css", "desk/locale/fr/LC_MESSAGES/django.po", "static/vendor/b.js", GUIDE)
    for name in sources:
        path = web / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for path in catalogues(web):
        path.with_suffix(".mo").write_bytes(b"")
    (web / "guides").mkdir()
    (web / "guides" / "rendered.json").write_text("{}")
    (web / "staticfiles").mkdir()
    (web / "staticfiles" / "staticfiles.json").write_text("{}")
    mark_of(web).write_text(sources_digest(web))
    assert is_prepared(web)
    return web


@pytest.mark.parametrize("name", ["static/a.css", "desk/locale/fr/LC_MESSAGES/django.po", GUIDE])
def test_another_content_with_an_old_instant(web: Path, name: str) -> None:
    (web / name).write_text("of the next version")
    os.utime(web / name, (OLD, OLD))
    assert not is_prepared(web)


def test_a_file_that_went_away_or_was_renamed(web: Path) -> None:
    shutil.move(web / "static/a.css", web / "static/c.css")
    assert not is_prepared(web)
    (web / "static/c.css").unlink()
    assert not is_prepared(web)


def test_a_new_instant_of_the_same_content_is_nothing_new(web: Path) -> None:
    (web / "static/a.css").touch()
    assert is_prepared(web)


@pytest.mark.parametrize(
    "name",
    [
        "staticfiles/staticfiles.json",
        "staticfiles/.prepared",
        "guides/rendered.json",
        "desk/locale/fr/LC_MESSAGES/django.mo",
    ],
)
def test_what_was_made_is_missing(web: Path, name: str) -> None:
    (web / name).unlink()
    assert not is_prepared(web)
