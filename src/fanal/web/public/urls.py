"""Routes of the public pages, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.public import follow, pages, report

app_name = "public"
urlpatterns: list[URLPattern] = [
    path("", pages.home, name="home"),
    path("report/", report.report, name="report"),
    path("follow/", follow.follow, name="follow"),
    path("figures/", pages.figures, name="figures"),
    path("figures/csv/", pages.figures_csv, name="figures-csv"),
    path("legal/", pages.legal, name="legal"),
    path("privacy/", pages.privacy, name="privacy"),
    path("accessibility/", pages.accessibility, name="accessibility"),
]
