"""What the tests of the tree look at: tracked files, and those about to be."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src/fanal"
STAGES = (
    "intake",
    "harmonise",
    "analyse",
    "exchange",
    "crosscheck",
    "deconfliction",
    "orient",
    "measures",
    "judicial",
)
HOLDERS = ("ledger", "vault", "accounts")


@cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Return the files of the repository with one of `suffixes`, ignored ones left out.

    A clone without git (an archive) is walked instead.
    """
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        names = listing.stdout.decode().split("\0")
        paths = [ROOT / name for name in names if name]
    else:
        folders = ("src", "benchmarks", "tests", "docs", "scripts", "frontend", "requirements")
        paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return tuple(p for p in paths if p.is_file() and (not suffixes or p.suffix in suffixes))


def name(path: Path) -> str:
    """Return `path` as written from the root of the repository."""
    return str(path.relative_to(ROOT))
