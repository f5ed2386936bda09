"""Routes of the public pages, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.public import pages

app_name = "public"
urlpatterns: list[URLPattern] = [
    path("", pages.home, name="home"),
    path("legal/", pages.legal, name="legal"),
    path("privacy/", pages.privacy, name="privacy"),
    path("accessibility/", pages.accessibility, name="accessibility"),
]
