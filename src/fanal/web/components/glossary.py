"""Terms of art with a short definition, shown when the reader chooses the term (`{% term %}`)."""

import secrets
import tomllib
from pathlib import Path

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()

TERMS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("glossary.toml").read_text("utf-8")
)
"""By code: `term` (its French entry in the glossary) and the definition in each language (`en`, `fr`)."""


@register.simple_block_tag
def term(content: str, code: str) -> SafeString:
    """Underline a term with dots and show its definition on demand: `{% term "DOSSIER" %}…{% endterm %}`.

    A button opens it, by keyboard, mouse or touch, without a script; Escape closes it.

    Raises:
        KeyError: no term has this code.
    """
    language = "en" if (get_language() or "fr").startswith("en") else "fr"
    said = TERMS[code][language].partition(";")[0].replace("*", "")
    return format_html(
        '<button type="button" class="fn-term" popovertarget="{0}">{1}</button>'
        '<span class="fn-term-says" popover id="{0}">{2}</span>',
        f"term-{secrets.token_hex(4)}",
        content,
        said[:1].upper() + said[1:] + ".",
    )
