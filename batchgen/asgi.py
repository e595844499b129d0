"""What uvicorn serves."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")

django = get_asgi_application()

from batchgen.middleware import BodyLimit  # noqa: E402 - it needs Django to be set up
from batchgen.sql import limit_statements  # noqa: E402 - as above

limit_statements(seconds=settings.WEB_STATEMENT_TIMEOUT_S)
application = BodyLimit(django)
