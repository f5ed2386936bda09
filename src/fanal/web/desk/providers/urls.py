"""Routes of providers, under `desk/`; their names are in the namespace `desk`."""

from django.urls import URLPattern, path

from fanal.web.desk.providers import feedback, views

urlpatterns: list[URLPattern] = [
    path("providers/", views.listing, name="providers"),
    path("providers/<uuid:provider>/", views.show, name="provider"),
    path("reports/<uuid:report_id>/feedback/", feedback.give, name="feedback"),
]
