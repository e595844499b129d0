"""The backlog and who may see it, in Django's admin. Django looks for what is registered here."""

from epics.admin import backlog, material, members

__all__ = ["backlog", "material", "members"]
