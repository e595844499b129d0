"""A database of the process's own, in a file that nobody else sees and that ends with it."""

import sqlite3


def temporary_database(schema: str) -> sqlite3.Connection:
    """An empty database with these tables: what does not fit its small cache is on disk."""
    database = sqlite3.connect("", isolation_level=None)
    database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {schema}")
    return database
