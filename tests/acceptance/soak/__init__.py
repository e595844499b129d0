"""Hours of mixed load: memory that stays flat, tables that are bounded, nothing lost."""
