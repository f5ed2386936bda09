"""Routes of payments and sheets, under `desk/`; their names are in the namespace `desk`."""

from django.urls import URLPattern, path

from fanal.web.desk.acts import documents as act_documents, pages as acts, proofs as act_proofs
from fanal.web.desk.payments import sheets, views

urlpatterns: list[URLPattern] = [
    path("payments/", views.listing, name="payments"),
    path("payments/<uuid:payer>/", views.show, name="payer"),
    path("payments/<uuid:payer>/sheet/", sheets.draft, name="sheet-draft"),
    path("sheets/", sheets.listing, name="sheets"),
    *acts.routes_of(sheets.PAGES, place="sheets"),
    act_proofs.route_of(sheets.PAGES, place="sheets"),
    *act_documents.routes_of(sheets.PAGES, place="sheets"),
    path("sheets/<uuid:sheet_id>/json/", sheets.as_json, name="sheet-json"),
]
