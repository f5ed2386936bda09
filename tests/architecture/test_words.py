"""What must not stand in the tree: unfinished marks, registry addresses, media, foreign hosts."""

import re

import pytest

from tests.architecture.tree import ROOT, files, name

MINE = "tests/architecture/test_words.py"
TEXT = (".py", ".md", ".toml", ".html", ".js", ".css", ".json", ".txt", ".yaml", ".sh", ".po", "")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
REGISTRY = re.compile(r"--(extra-)?index-url|\"resolved\":|https?://[^\s\"']+/simple/?")
MEDIA = re.compile(
    r"\.(jpe?g|png|gif|webp|heic|avif|mp4|mov|avi|mkv|mp3|wav|zip|7z|rar|tar|gz|eml|pst)$", re.I
)
FOREIGN = re.compile(r"""src=["']?https?:|<link[^>]*href=["']?https?:|url\(["']?https?:""")


def lines(*suffixes):
    for path in files(*suffixes):
        if name(path) != MINE and path.stat().st_size < 2_000_000:
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                yield f"{name(path)}:{number}", line


@pytest.mark.parametrize(
    ("pattern", "suffixes"),
    [
        (UNFINISHED, (".py", ".html", ".js", ".css", ".sh", ".toml")),
        (REGISTRY, TEXT),
        (FOREIGN, (".html", ".css")),
    ],
    ids=["unfinished", "registry", "foreign host"],
)
def test_the_tree_is_free_of(pattern, suffixes):
    assert [
        f"{where} {line.strip()}" for where, line in lines(*suffixes) if pattern.search(line)
    ] == []


def test_no_media_archive_or_mail_is_tracked():
    found = [name(p) for p in files() if MEDIA.search(p.name)]
    pictures_of_our_pages = [n for n in found if n.startswith("docs/") and n.endswith(".png")]
    assert sorted(set(found) - set(pictures_of_our_pages)) == []


def test_no_path_of_a_machine():
    machine = re.compile(r"(?<![\w.])/(work|home|root|Users)/[a-z]")
    found = [
        f"{where} {line.strip()}"
        for where, line in lines(".py", ".md", ".html", ".sh", ".json", ".yaml")
        if machine.search(line) and not where.startswith("tests/vectors/")  # data of other projects
    ]
    assert found == []


def test_requirements_are_hashed_and_agree():
    runtime, dev = (
        set(re.findall(r"^[a-z0-9][^\s\\]*==[^\s\\;]+", (ROOT / n).read_text(), re.M))
        for n in ("requirements/runtime.txt", "requirements/dev.txt")
    )
    assert runtime
    assert runtime <= dev
    for lock in (ROOT / "requirements").glob("*.txt"):
        blocks = re.split(r"^(?=[a-zA-Z0-9])", lock.read_text(), flags=re.M)
        unhashed = [b.split()[0] for b in blocks if "==" in b and "--hash=sha256:" not in b]
        assert unhashed == [], lock.name
