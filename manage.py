#!/usr/bin/env python
"""Django's command line."""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility, execute_from_command_line
from django.db import OperationalError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")
    try:
        if sys.argv[1:2] == ["version"]:
            # By itself Django would tell its own, and of no other program.
            django.setup()
            ManagementUtility(sys.argv).fetch_command("version").run_from_argv(sys.argv)
        else:
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError:
        # Imported once there are settings.
        from batchgen.db.postgresql.compatibility import refusal

        why = refusal()
        if why is None:
            raise
        sys.exit(f"PostgreSQL lets nobody in: {why}\n`manage.py doctor database` says what to do.")
