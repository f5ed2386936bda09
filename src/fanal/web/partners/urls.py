"""Routes of partners and laboratories, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.partners import views

app_name = "partners"
urlpatterns: list[URLPattern] = [
    path("", views.sent, name="sent"),
    path("reports/<uuid:report_id>/", views.show, name="report"),
    path("reports/<uuid:report_id>/receipt/", views.receipt, name="receipt"),
    path("feedback/", views.feedback, name="feedback"),
    path("lists/", views.lists, name="lists"),
    path("laboratory/", views.laboratory, name="laboratory"),
]
