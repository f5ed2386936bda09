"""Front-end files: each vendored file is used, each template is reached, each page has a title."""

import json
import re

from tests.architecture.tree import ROOT, SOURCE, files

REFERENCE = re.compile(r"""["']([\w./-]+\.html)["']""")


def templates():
    """Return the path of each template below its `templates/` folder."""
    return {
        str(path).partition("/templates/")[2]: path
        for path in files(".html")
        if "/templates/" in str(path)
    }


def sources():
    return [p for p in files(".html", ".py", ".js", ".css") if p.is_relative_to(SOURCE)]


def test_every_vendored_file_is_used():
    assets = json.loads((ROOT / "frontend/assets.json").read_text())
    text = "\n".join(p.read_text() for p in sources())
    assert [asset for asset in assets if f"vendor/{asset}" not in text] == []


def test_every_vendored_file_that_pages_name_is_installed():
    assets = json.loads((ROOT / "frontend/assets.json").read_text())
    named = {
        m for p in sources() for m in re.findall(r"vendor/([\w.-]+\.(?:js|css)\b)", p.read_text())
    }
    assert named - set(assets) == set()


def test_every_template_is_used():
    named = {m for p in sources() for m in REFERENCE.findall(p.read_text())}
    # Django and allauth look these up by name themselves.
    found_by_name = re.compile(r"^(\d{3}(_csrf)?\.html|(account|mfa|allauth|socialaccount)/)")
    text = "\n".join(p.read_text() for p in sources() if p.suffix == ".py")
    unused = [
        template
        for template in templates()
        if template not in named
        and not found_by_name.match(template)
        and template.removesuffix(".html") not in text
        and f"{template.rpartition('/')[0]}/" + "{" not in text
    ]
    assert unused == []


def test_every_page_has_a_title():
    known = templates()

    def titled(template):
        """Follow `extends` up to the frames of the house, which have no title of their own."""
        text = known[template].read_text()
        parent = re.search(r"""{% extends ["']([^"']+)["']""", text)
        if "{% block title" in text or "{% block heading" in text:
            return True
        return (
            parent is not None and not frame(parent[1]) and parent[1] in known and titled(parent[1])
        )

    def frame(template):
        return re.fullmatch(r"(allauth/layouts/)?base\w*\.html", template) is not None

    without = [
        template
        for template, path in known.items()
        if "{% extends" in path.read_text() and not frame(template) and not titled(template)
    ]
    assert without == []
