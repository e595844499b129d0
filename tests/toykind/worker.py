"""Celery's own command line, in a process that knows the toy kinds too."""

import django
from celery.__main__ import main

if __name__ == "__main__":
    django.setup()
    from content.registry import kind_register
    from tests.toykind.kind import SLOGANS
    from tests.toykind.tallies import TALLIES

    kind_register(SLOGANS)
    kind_register(TALLIES)
    main()
