"""Routes of de-confliction, under `desk/deconfliction/`; their names are in the namespace `desk`."""

from django.urls import URLPattern, path

from fanal.web.desk.deconfliction import counterparts, hits

urlpatterns: list[URLPattern] = [
    path("", counterparts.home, name="deconfliction"),
    path("counterparts/add/", counterparts.add, name="counterpart-add"),
    path("counterparts/<uuid:counterpart_id>/", counterparts.show, name="counterpart"),
    path(
        "counterparts/<uuid:counterpart_id>/limits/", counterparts.limit, name="counterpart-limits"
    ),
    path("counterparts/<uuid:counterpart_id>/close/", counterparts.close, name="counterpart-close"),
    path("hits/", hits.listing, name="hits"),
    path("hits/<uuid:hit_id>/", hits.show, name="hit"),
    path("hits/<uuid:hit_id>/move/", hits.move, name="hit-move"),
]
