"""The check that front-end assets, compiled message catalogues and rendered guides match the sources on disk.

The comparison is by content. Modification times prove nothing after an archive is unpacked over a clone or a
file is deleted, and pages would silently use the assets of another version.
"""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

WEB = Path(__file__).resolve().parents[1] / "web"
_THEIRS = ("django", "django-allauth", "whitenoise")
"""Packages whose static files are collected with ours, or that collect them."""
_GUIDES = ("docs/how-to/**/*.md", "scripts/render_guides.py")
"""Sources of the rendered guides, in the folder that has `src/`; none in an installed package."""


def mark_of(web: Path = WEB) -> Path:
    """Return the path of the file with the digest of the sources from which assets were last built.

    `web` is the folder of the web package.
    """
    return web / "staticfiles" / ".prepared"


def sources_digest(web: Path = WEB) -> str:
    """Return a SHA-256 (hexadecimal) of the sources of the assets below the folder `web`.

    These are static files, message catalogues and guides; it also covers the versions of the packages that
    collect static files.
    """
    found = hashlib.sha256()
    for name in _THEIRS:
        found.update(f"{name}=={version(name)}\n".encode())
    for path in _sources(web):
        content = path.read_bytes()
        found.update(f"{path.relative_to(_root(web))} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def is_prepared(web: Path = WEB) -> bool:
    """Return whether assets and compiled catalogues below the folder `web` match the present sources."""
    mark = mark_of(web)
    return (
        (web / "staticfiles" / "staticfiles.json").exists()
        and mark.exists()
        and mark.read_text().strip() == sources_digest(web)
        and all(path.with_suffix(".mo").exists() for path in catalogues(web))
        and (web / "guides" / "rendered.json").exists()
    )


def catalogues(web: Path = WEB) -> list[Path]:
    """Return the source message catalogues (`.po` files) below the folder `web`, sorted."""
    return sorted(web.glob("**/locale/*/LC_MESSAGES/*.po"))


def _sources(web: Path) -> Iterable[Path]:
    static = (path for path in web.glob("**/static/**/*") if path.is_file())
    guides = (path for pattern in _GUIDES for path in _root(web).glob(pattern))
    return sorted([*catalogues(web), *static, *guides])


def _root(web: Path) -> Path:
    """Return the folder that has `src/fanal/web`."""
    return web.parents[2]
