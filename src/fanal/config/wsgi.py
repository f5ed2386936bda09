"""WSGI entry point, served by granian."""

import os

from django.core.wsgi import get_wsgi_application

from fanal.kernel.collector import loading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fanal.config.settings")
with loading():
    application = get_wsgi_application()
