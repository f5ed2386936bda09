"""Parser options against XML attacks: no entities, network access or DTD, and bounded trees.

For all readers of XML. Source: OWASP, *XML External Entity Prevention*; lxml's own FAQ on untrusted input.
"""

from typing import Final, TypedDict


class _Hardened(TypedDict):
    resolve_entities: bool
    no_network: bool
    load_dtd: bool
    dtd_validation: bool
    huge_tree: bool
    remove_comments: bool
    remove_pis: bool


HARDENED: Final[_Hardened] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
"""Keyword arguments of `etree.XMLParser` and `etree.iterparse`."""
