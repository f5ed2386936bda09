"""Routes of providers, under `desk/`; their names live in the desk's namespace."""

from django.urls import URLPattern, path

from fanal.web.desk.providers import feedback, views

urlpatterns: list[URLPattern] = [
    path("providers/", views.listing, name="providers"),
    path("providers/<uuid:provider>/", views.show, name="provider"),
    path("reports/<uuid:report_id>/feedback/", feedback.give, name="feedback"),
]
