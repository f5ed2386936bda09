"""Routes of the users' guides, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.guides import views

app_name = "guides"
urlpatterns: list[URLPattern] = [
    path("", views.index, name="index"),
    path("<slug:guide_name>/", views.guide, name="guide"),
]
