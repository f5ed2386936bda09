"""Public pages without a form: home, legal notice, data protection, accessibility; the receipt key."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fanal.accounts.routes import open_to_all
from fanal.web.public import setup


@require_safe
@open_to_all("page.public")
def home(request: HttpRequest) -> HttpResponse:
    """Show the home page: purpose of the service, emergency numbers, link to the report form."""
    return render(request, "public/home.html", {"root": setup.current().root})


@require_safe
@open_to_all("page.public")
def receipt_key(request: HttpRequest) -> HttpResponse:
    """Send the public key that verifies receipts, as a PEM file; its URL never changes.

    Raises:
        Http404: this node has no such key.
    """
    root = setup.current().root
    if root is None:
        raise Http404
    return HttpResponse(root.pem, content_type="application/x-pem-file")


@require_safe
@open_to_all("page.public")
def legal(request: HttpRequest) -> HttpResponse:
    """Show the legal notice."""
    return render(request, "public/legal.html")


@require_safe
@open_to_all("page.public")
def privacy(request: HttpRequest) -> HttpResponse:
    """Show the data kept of a report and of its sender, with retention periods."""
    kept = {"keep_address": setup.current().keep_address}
    return render(request, "public/privacy.html", kept)


@require_safe
@open_to_all("page.public")
def accessibility(request: HttpRequest) -> HttpResponse:
    """Show the accessibility statement."""
    return render(request, "public/accessibility.html")
