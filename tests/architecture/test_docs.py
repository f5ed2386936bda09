"""The documentation builds, names everything that the code offers, and leads nowhere dead or outside."""

import html
import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from django.urls import URLResolver, get_resolver

from fanal.analyse.priority.domain.rules import shipped_rules
from fanal.cli.main import fanal
from fanal.reference import Retention, load
from fanal.reference.catalogue import KINDS
from tests.architecture.tree import ROOT, SOURCE, files, name

DECISIONS = ROOT / "docs/decisions"
COUNTED = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|\d+)\s+"
    r"(?:functions|routes|settings)\b"
)
OUTSIDE = re.compile(r"""url\(["']?(?:https?:)?//|@import\s+["'](?:https?:)?//""")
NAMED_PATH = re.compile(r"`((?:src|docs|scripts|tests|frontend|requirements)/[^`\s]+)`")
PACKAGES = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
COMMANDS = ("commands-a-c", "commands-d", "commands-e-k", "commands-l-q", "commands-r-z")
READ_SETTING = re.compile(
    r"""(?:values\.get|environ\.get)\(\s*["']([A-Z_]+)["']|envvar=["']([A-Z_]+)["']"""
)


class Page(HTMLParser):
    """Links, anchors and requests of one built page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.requests, self.words = [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[k] for k in ("id", "name") if values.get(k)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "link" and values.get("href"):
            self.requests.append(values["href"])
        if values.get("src"):
            self.requests.append(values["src"])

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site as `make docs` does: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def mkdocs_of(target):
    """Return the command by which a target of the Makefile builds the documentation."""
    rule = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    return next(line.strip() for line in rule[1].splitlines() if "/mkdocs " in line)


def test_a_page_left_out_of_the_navigation_stops_the_build(tmp_path):
    """Run the very command of the Makefile, which both targets share: `--quiet` would count no warning, and pass."""
    command = mkdocs_of("check")
    assert command == mkdocs_of("docs")
    for name_ in ("docs", "scripts"):
        shutil.copytree(ROOT / name_, tmp_path / name_)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    (tmp_path / "docs/left-out.md").write_text("# Left out\n")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *command.split()[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "left-out.md" in done.stdout + done.stderr


def test_the_index_lists_each_decision_once_and_in_order():
    listed = re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", (DECISIONS / "index.md").read_text(), re.M)
    assert listed == sorted(path.name for path in DECISIONS.glob("0*.md"))


def test_no_prose_counts_what_the_code_counts():
    """Docs name where functions are listed; a number in prose is wrong with the next function."""
    counted = {name(path): COUNTED.findall(path.read_text()) for path in written()}
    assert {page: found for page, found in counted.items() if found} == {}


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path.read_text()) for path in site.rglob("*.html")}


def words(site, page):
    return html.unescape("".join(Page((site / "reference" / f"{page}.html").read_text()).words))


def test_no_page_asks_another_host(site, pages):
    asked = [
        (str(path.relative_to(site)), request)
        for path, page in pages.items()
        for request in page.requests
        if urlsplit(request).scheme not in {"", "data"} or request.startswith("//")
    ]
    assert asked == []
    assert [p for p in site.rglob("*.css") if OUTSIDE.search(p.read_text())] == []


def test_no_link_is_dead(site, pages):
    dead = [
        f"{path.relative_to(site)}: {link}"
        for path, page in pages.items()
        if path.name != "404.html"  # its links are absolute: a server may show it anywhere
        for link in page.links
        if not leads_somewhere(path, link, pages)
    ]
    assert dead == []


def leads_somewhere(path, link, pages):
    parts = urlsplit(link)
    if parts.scheme in {"http", "https", "mailto"}:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return False
    # "#" alone opens a menu of the theme.
    return not parts.fragment or target not in pages or parts.fragment in pages[target].anchors


def written():
    return [p for p in files(".md") if p.parent == ROOT or p.is_relative_to(ROOT / "docs")]


@pytest.mark.parametrize("path", written(), ids=name)
def test_each_named_path_exists(path):
    named = NAMED_PATH.findall(path.read_text())
    assert [n for n in named if not exists(n)] == []


def exists(named):
    patterns = [named]
    if found := re.search(r"\{([^}]*)\}", named):
        patterns = [named.replace(found[0], part) for part in found[1].split(",")]
    return all(any(ROOT.glob(pattern.rstrip("/"))) for pattern in patterns)


def test_every_setting_is_named(site):
    read = {
        match[1] or match[2]
        for path in SOURCE.rglob("*.py")
        for match in READ_SETTING.finditer(path.read_text())
    }
    assert {"DATABASE_URL", "FANAL_HOME", "PG_BIN", "FANAL_PORT"} <= read
    assert [n for n in sorted(read) if n not in words(site, "settings")] == []


def test_every_command_and_option_is_named(site):
    said = "".join(words(site, page) for page in COMMANDS)
    missing = [
        (path, piece)
        for path, command in walk("fanal", fanal)
        for piece in (path, *(o for p in command.params for o in long_options(p)))
        if piece not in said
    ]
    assert missing == []


def walk(path, command):
    if path != "fanal":
        yield path, command
    if isinstance(command, click.Group):
        for member in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), member)
            yield from walk(f"{path} {member}", found)


def long_options(parameter):
    return parameter.opts if isinstance(parameter, click.Option) else ()


def test_every_route_is_named(site):
    said = words(site, "routes")
    assert [n for n in route_names(get_resolver().url_patterns) if n not in said] == []


def route_names(patterns, space=""):
    for entry in patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from route_names(entry.url_patterns, inner)
        elif entry.name:
            yield f"{space}{entry.name}"


def test_every_format_is_named(site):
    said = words(site, "formats")
    folders = [p.parent.name for p in (SOURCE / "formats").glob("*/__init__.py")]
    assert folders
    assert [f for f in folders if f"formats/{f}" not in said] == []


def test_every_code_that_refuses_and_every_kept_table_is_named(site):
    labels = [
        tomllib.loads(path.read_text())["labels"]
        for path in (SOURCE / "reference/data/labels").glob("*.toml")
    ]
    pages = ("refusals", "refusals-acts", "refusals-desks", "failures")
    said = "".join(words(site, page) for page in pages)
    kinds = {kind: codes for held in labels for kind, codes in held.items()}
    refused = [k for k in kinds if k.endswith(("_refusal", "_failure"))] + [
        "api",
        "cli",
    ]
    assert len(refused) >= 15
    assert [c for kind in refused for c in kinds[kind] if c not in said] == []
    tables = {t for entry in load().entries(Retention) for t in entry.value.tables}
    said = words(site, "model")
    ours = sorted(t for t in tables if t.partition("_")[0] in PACKAGES)
    assert len(ours) > 100
    assert [t for t in ours if t not in said] == []


def test_every_state_table_is_named(site):
    said = words(site, "states")
    tables = [
        match
        for path in SOURCE.rglob("*.py")
        for match in re.findall(
            r"^(\w+)(?:: StateTable\[\w+\])? = StateTable\(", path.read_text(), re.M
        )
    ]
    assert len(tables) >= 5
    assert [t for t in tables if t not in said] == []


def test_every_rule_and_law_is_named(site):
    said = words(site, "priority")
    assert [r.code for rules in shipped_rules() for r in rules.rule if r.code not in said] == []
    for kind in KINDS:
        said = words(site, f"law-{kind.kind}")
        assert [e.entry_id for e in load().entries(kind) if e.entry_id not in said] == []


def test_the_readme_leads_to_the_flow_and_to_the_priority():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 120
    assert "`src/fanal/pipeline.py`" in readme
    assert "`src/fanal/analyse/data/priority/" in readme
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)|src=\"([^\"]+)\"", readme)
    assert [p for pair in pictures for p in pair if p and not (ROOT / Path(p)).is_file()] == []
