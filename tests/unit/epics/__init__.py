"""Unit tests of the backlog's rules."""
