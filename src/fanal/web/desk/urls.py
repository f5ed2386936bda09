"""Routes of the desk, under the language prefix."""

from django.urls import URLPattern, path

from fanal.web.desk import claims, decisions, queue, report

app_name = "desk"
urlpatterns: list[URLPattern] = [
    path("", queue.queue, name="queue"),
    path("arrivals/", queue.arrivals, name="arrivals"),
    path("alarms/", queue.alarms, name="alarms"),
    path("alarms/<uuid:alarm_id>/", queue.acknowledge, name="alarm"),
    path("preview/<uuid:report_id>/", queue.preview, name="preview"),
    path("reports/<uuid:report_id>/", report.show, name="report"),
    path("reports/<uuid:report_id>/claim/", claims.claim, name="claim"),
    path("reports/<uuid:report_id>/renew/", claims.renew, name="renew"),
    path("reports/<uuid:report_id>/release/", claims.release, name="release"),
    path("reports/<uuid:report_id>/decide/", decisions.decide, name="decide"),
    path("reports/<uuid:report_id>/question/", report.question, name="question"),
]
