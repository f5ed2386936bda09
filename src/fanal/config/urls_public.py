"""Routes of a public node: pages for citizens and the wires, no desk."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import URLPattern, URLResolver, path

from fanal.web import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz_public),
    *i18n_patterns(),
]
