"""Routes of the hash-sharing service."""

from django.urls import path

from fanal.api.hashsharing import views

app_name = "hashsharing"
urlpatterns = [
    path("v2/status", views.status, name="status"),
    path("v2/members", views.members, name="members"),
    path("v2/entries", views.entries, name="entries"),
    path("v2/feedback/<str:kind>/reasons", views.reasons, name="reasons"),
    path(
        "v2/entries/<str:member>/<str:entry>/<str:kind>/feedback", views.feedback, name="feedback"
    ),
]
