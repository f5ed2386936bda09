"""Routes of partners and laboratories, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.partners import laboratory, reports

app_name = "partners"
urlpatterns: list[URLPattern] = [
    path("", reports.sent, name="sent"),
    path("reports/<uuid:report_id>/", reports.show, name="report"),
    path("reports/<uuid:report_id>/receipt/", reports.receipt, name="receipt"),
    path("laboratory/", laboratory.home, name="laboratory"),
]
