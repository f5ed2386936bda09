"""Routes of distribution, under `desk/distribution/`; their names are in the namespace `desk`."""

from django.urls import URLPattern, path

from fanal.web.desk.distribution import views

urlpatterns: list[URLPattern] = [
    path("", views.overview, name="distribution"),
    path("waiting/", views.waiting, name="distribution-waiting"),
    path("packages/<uuid:package_id>/", views.package, name="package"),
]
