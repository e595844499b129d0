"""Primary keys: UUIDs that grow with time, so that new rows land side by side in their index."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUID version 7."""
    return uuid7()
