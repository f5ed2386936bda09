"""Routes of the home page and of the tour, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.home import views

app_name = "home"
urlpatterns: list[URLPattern] = [
    path("", views.home, name="home"),
    path("tour/", views.tour, name="tour"),
    path("tour/seen/", views.tour_seen, name="tour-seen"),
]
