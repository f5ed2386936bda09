"""Public pages that only tell: home, legal notice, data, accessibility."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fanal.accounts.routes import open_to_all
from fanal.web.public import setup


@require_safe
@open_to_all("page.public")
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is, whom to call, and open the way to a report."""
    return render(request, "public/home.html", {"root": setup.current().root})


@require_safe
@open_to_all("page.public")
def receipt_key(request: HttpRequest) -> HttpResponse:
    """Send the public key under which anybody verifies a receipt; its address never changes."""
    root = setup.current().root
    if root is None:
        raise Http404
    return HttpResponse(root.pem, content_type="application/x-pem-file")


@require_safe
@open_to_all("page.public")
def legal(request: HttpRequest) -> HttpResponse:
    """Show who is responsible and under which texts."""
    return render(request, "public/legal.html")


@require_safe
@open_to_all("page.public")
def privacy(request: HttpRequest) -> HttpResponse:
    """Show what is kept of a report and of the person who sends it, and for how long."""
    kept = {"keep_address": setup.current().keep_address}
    return render(request, "public/privacy.html", kept)


@require_safe
@open_to_all("page.public")
def accessibility(request: HttpRequest) -> HttpResponse:
    """Show how far the pages are accessible and how to ask for help."""
    return render(request, "public/accessibility.html")
