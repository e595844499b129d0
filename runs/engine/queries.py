"""The SQL of this room, by name."""

from pathlib import Path

from batchgen.db.sql import Queries

QUERIES = Queries(Path(__file__).with_suffix(".sql"))
