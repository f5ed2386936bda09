"""Routes of statistics, under `desk/statistics/`; their names are in the namespace `desk`."""

from django.urls import URLPattern, path

from fanal.web.desk.statistics import trends, views

urlpatterns: list[URLPattern] = [
    path("", views.home, name="statistics"),
    path("year/<int:year>/", views.year_summary, name="statistics-year"),
    path("year/<int:year>/pdf/", views.year_pdf, name="statistics-year-pdf"),
    path("trends/", trends.home, name="trends"),
    path("trends/<str:trend>/csv/", trends.trend_csv, name="trends-csv"),
    path("trends/<str:trend>/json/", trends.trend_json, name="trends-json"),
    path("<str:figure>/csv/", views.figure_csv, name="statistics-csv"),
    path("<str:figure>/json/", views.figure_json, name="statistics-json"),
]
