"""Every field of several lines is given back by the page of a request that was refused or broke."""

import re

from fanal.web.posted import WRITTEN
from tests.architecture.tree import SOURCE, files, name

AREA = re.compile(r"<textarea\b([^>]*)>")
INCLUDED = re.compile(r'public/parts/area\.html" with name="(\w+)"')
NAMED = re.compile(r'\bname="([^"]+)"')


def test_each_field_of_several_lines_is_known():
    found = {}
    for path in files(".html"):
        if path.is_relative_to(SOURCE):
            text = path.read_text()
            areas = [known[1] for tag in AREA.findall(text) if (known := NAMED.search(tag))]
            for field in (*areas, *INCLUDED.findall(text)):
                found.setdefault(field, name(path))
    found.pop("{{ name }}")
    assert {field: path for field, path in found.items() if field not in WRITTEN} == {}
    assert set(WRITTEN) == set(found)
