"""Who answers calls: values that all providers share, their errors and prices, and each of them.

values.py    what goes to a provider and what comes back
errors.py    the error tree; what each error does to the item and the run
cleaning.py  texts and numbers from outside, as we can keep them
prices.py    what a call cost; prices.toml holds the table
anthropic/   Anthropic's Messages API
"""
