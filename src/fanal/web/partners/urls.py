"""Routes of partners and laboratories, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.partners import feedback, laboratory, lists, reports

app_name = "partners"
urlpatterns: list[URLPattern] = [
    path("", reports.sent, name="sent"),
    path("reports/<uuid:report_id>/", reports.show, name="report"),
    path("reports/<uuid:report_id>/receipt/", reports.receipt, name="receipt"),
    path("feedback/", feedback.listing, name="feedback"),
    path("lists/", lists.lists, name="lists"),
    path("laboratory/", laboratory.home, name="laboratory"),
]
