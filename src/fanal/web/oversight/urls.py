"""Routes of oversight, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.oversight import document, measures, people, sessions

app_name = "oversight"
urlpatterns: list[URLPattern] = [
    path("", measures.home, name="home"),
    path("measures/", measures.listing, name="measures"),
    path("measures/<uuid:measure_id>/", measures.show, name="measure"),
    path("measures/<uuid:measure_id>/recommend/", measures.recommend, name="recommend"),
    path("habilitations/", people.habilitations, name="habilitations"),
    path("openings/", people.openings, name="openings"),
    path("openings/<uuid:opening_id>/seen/", people.see, name="opening-seen"),
    path("recommendations/", measures.recommendations, name="recommendations"),
    path("recommendations/<uuid:recommendation_id>/answer/", measures.answer, name="answer"),
    path("sessions/start/", sessions.start, name="start"),
    path("sessions/<uuid:session_id>/", sessions.show, name="session"),
    path("sessions/<uuid:session_id>/document/", document.document, name="session-document"),
    path("sessions/<uuid:session_id>/group/", sessions.judge, name="group"),
    path("sessions/<uuid:session_id>/note/", sessions.note, name="note"),
]
