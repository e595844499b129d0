"""Guards taken away one at a time, to see that a named test goes red for each: `make mutants`."""
