"""Runs under random budgets, in both lanes, while workers die: the provider's bill never exceeds
what may be spent."""
