"""Routes of de-confliction for counterparts' programs."""

from django.urls import path

from fanal.api.deconfliction import views

app_name = "deconfliction"
urlpatterns = [
    path("rounds", views.rounds, name="rounds"),
    path("rounds/<uuid:round_id>", views.state, name="round"),
    path("rounds/<uuid:round_id>/answer", views.answer, name="round-answer"),
    path("rounds/<uuid:round_id>/conclusion", views.conclusion, name="round-conclusion"),
]
