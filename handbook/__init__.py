"""The documentation's site: pages of docs/, and references made from the code.

`python -m handbook` (`make docs`) builds it into .local/site/ without a network. The product
imports nothing of it.
"""
