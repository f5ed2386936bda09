"""Routes of a public node: pages for citizens and APIs for reports, no desk."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import URLPattern, URLResolver, include, path

from fanal.api.v1.api import api
from fanal.web import health
from fanal.web.public import pages

handler400 = "fanal.config.failures.bad_request"
handler404 = "fanal.config.failures.not_found"
handler500 = "fanal.web.failures.server_error"
urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz_public),
    path("receipt-root.pub", pages.receipt_key, name="receipt-key"),
    path("api/v1/", api.urls),
    path("ispws/", include("fanal.api.ispws.views")),
    *i18n_patterns(path("", include("fanal.web.public.urls"))),
]
