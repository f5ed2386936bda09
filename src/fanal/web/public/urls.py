"""Routes of the public pages, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.public import figures, follow, pages, report

app_name = "public"
urlpatterns: list[URLPattern] = [
    path("", pages.home, name="home"),
    path("report/", report.report, name="report"),
    path("follow/", follow.follow, name="follow"),
    path("figures/", figures.figures, name="figures"),
    path("figures/csv/", figures.figures_csv, name="figures-csv"),
    path("figures/json/", figures.figures_json, name="figures-json"),
    path("figures/dcat/", figures.figures_dcat, name="figures-dcat"),
    path("legal/", pages.legal, name="legal"),
    path("privacy/", pages.privacy, name="privacy"),
    path("accessibility/", pages.accessibility, name="accessibility"),
]
