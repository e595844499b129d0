"""The Celery application. Its settings stand in batchgen/settings.py as CELERY_…."""

import gc
import logging.config
import os
import sys

from celery import Celery
from celery.signals import import_modules, setup_logging
from django.conf import settings

from batchgen.cross_checks import log_warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")
# Celery would run Django's checks at each start, a tenth of its time, and not look at the findings.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")


@import_modules.connect
def begin_imports(**_: object) -> None:
    """Before Django's and the tasks' modules: whatever they make stays, so nothing is collected."""
    gc.disable()


app = Celery("batchgen")  # whose own way of importing comes next, so the order matters
# A dict: Celery looks its settings up for every message, and asks Django's for each that is not
# there, at the cost of an exception.
app.config_from_object(
    {name: getattr(settings, name) for name in dir(settings) if name.startswith("CELERY_")},
    namespace="CELERY",
)
app.autodiscover_tasks()


@setup_logging.connect
def configure_logs(**_: object) -> None:
    """Celery's programs write their lines as the others do; it sets nothing up beside them."""
    logging.config.dictConfig(settings.LOGGING)
    log_warnings()


@import_modules.connect
def adapt_flower(**_: object) -> None:
    """Flower asks for the application's modules at its start, and then is as we want it."""
    if views := sys.modules.get("flower.views"):
        # It needs the settings, which wait for this module.
        from batchgen.flower import Broker, require_sign_in  # noqa: PLC0415  # see above

        views.Broker = Broker  # type: ignore[attr-defined]  # of a module by name
        require_sign_in()


@import_modules.connect
def end_imports(**_: object) -> None:
    """After all of them."""
    gc.freeze()
    gc.enable()
