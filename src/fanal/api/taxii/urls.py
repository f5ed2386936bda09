"""Routes of the TAXII server: discovery, one API root, its collections."""

from django.urls import path

from fanal.api.taxii import views

app_name = "taxii"
_ROOT = "lists/"
_ONE = f"{_ROOT}collections/<str:collection>/"
urlpatterns = [
    path("", views.discovery, name="discovery"),
    path(_ROOT, views.root, name="root"),
    path(f"{_ROOT}collections/", views.collections, name="collections"),
    path(f"{_ROOT}status/<str:status>/", views.status, name="status"),
    path(_ONE, views.collection, name="collection"),
    path(f"{_ONE}manifest/", views.manifest, name="manifest"),
    path(f"{_ONE}objects/", views.objects, name="objects"),
    path(f"{_ONE}objects/<str:object_id>/", views.one_object, name="object"),
    path(f"{_ONE}objects/<str:object_id>/versions/", views.versions, name="versions"),
]
