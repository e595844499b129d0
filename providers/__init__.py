"""Who answers calls: values that all providers share, their errors and prices, and each of them.

provider.py  the seam: what each provider can do
registry.py  which provider has which name, and whose limits a model counts against
values.py    what goes to a provider and what comes back
batches.py   the seam of batches, and their values
errors.py    the error tree; what each error does to the item and the run
usage_report.py  what a provider's own report says was used
cleaning.py  texts and numbers from outside, as we can keep them
prices.py    what a call cost; prices.toml holds the table
anthropic/   Anthropic's Messages API

Another one is a folder with a `ProviderAccount`, a line in registry.py and a name that
BATCHGEN_PROVIDER_NAME takes; tests/second_provider is one, with no more than it needs.
"""
