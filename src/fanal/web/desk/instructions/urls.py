"""Routes of standing instructions, under `desk/instructions/`; their names are in the namespace `desk`."""

from django.urls import URLPattern, path

from fanal.web.desk.instructions import views

urlpatterns: list[URLPattern] = [
    path("", views.listing, name="instructions"),
    path("propose/", views.propose, name="instruction-propose"),
    path("<uuid:instruction_id>/", views.show, name="instruction"),
    path("<uuid:instruction_id>/second/", views.second, name="instruction-second"),
    path("<uuid:instruction_id>/revoke/", views.revoke, name="instruction-revoke"),
]
