"""The backlog and who may see it, in Django's admin. Django looks for what is registered here."""

from epics.admin import backlog, members

__all__ = ["backlog", "members"]
