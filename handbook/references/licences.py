"""The licences of all packages that batchgen is installed with."""

from batchgen.local.licences import licences
from batchgen.local.packages import locked
from handbook.references.markdown import cell, head, table


def page() -> str:
    """The page."""
    production = {package.name for package in locked()}
    rows = (
        (
            package.name,
            package.version,
            cell(words),
            "production" if package.name in production else "development",
        )
        for package, words in licences()
    )
    return head("licences") + table(("package", "version", "licence", "for"), rows)
