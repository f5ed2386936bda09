"""URL routes of a full node: every page and API, the desk's included."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import URLPattern, URLResolver, include, path

from fanal.api.v1.api import api
from fanal.web import health
from fanal.web.public import pages

handler400 = "fanal.config.failures.bad_request"
handler404 = "fanal.config.failures.not_found"
handler429 = "fanal.web.failures.too_many"  # of the sign-in library
handler500 = "fanal.web.failures.server_error"
urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("receipt-root.pub", pages.receipt_key, name="receipt-key"),
    path("api/v1/", api.urls),
    path("api/deconfliction/", include("fanal.api.deconfliction")),
    path("ispws/", include("fanal.api.ispws.views")),
    path("hashsharing/", include("fanal.api.hashsharing")),
    path("taxii2/", include("fanal.api.taxii")),
    *i18n_patterns(
        path("", include("fanal.web.public.urls")),
        path("", include("fanal.web.account.urls")),
        path("home/", include("fanal.web.home.urls")),
        path("desk/", include("fanal.web.desk.urls")),
        path("guides/", include("fanal.web.guides.urls")),
        path("oversight/", include("fanal.web.oversight.urls")),
        path("partners/", include("fanal.web.partners.urls")),
    ),
]
