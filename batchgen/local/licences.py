"""`python -m batchgen.local.licences`: the licences of all that is installed, and which may be.

A package whose licence is not in the list, or that does not say which it has, fails: somebody reads
it, and adds the licence here or leaves the package out.
"""

import re
import sys
from collections.abc import Iterator

from batchgen.local.packages import DEVELOPMENT, Locked, licence, locked

#: They ask for their notice to stand with the program, and no more.
_PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT", "MIT-0", "PSF-2.0"),
    *("Zlib", "Apache Software License", "BSD License", "MIT License", "BSD 3-Clause"),
    "3-Clause BSD License",
    *("Python Software Foundation License", "ISC", "Unlicense"),
}
#: They ask for changes to their own files; batchgen changes none, and whoever installs it has them
#: as files that can be replaced.
_OF_THEIR_OWN_FILES = {"LGPL-3.0-only", "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"}
ALLOWED = _PERMISSIVE | _OF_THEIR_OWN_FILES


def is_allowed(words: str) -> bool:
    """Whether a licence, or an SPDX expression of one operator, is among those allowed."""
    choices = re.split(r" OR ", words)
    if "(" in words.replace("(MPL 2.0)", "") or (len(choices) > 1 and " AND " in words):
        return False  # to be read by a person
    return any(all(part in ALLOWED for part in each.split(" AND ")) for each in choices)


def licences() -> Iterator[tuple[Locked, str]]:
    """The packages that are installed on this system, with what each says of its licence."""
    yield from ((each, licence(each.name)) for each in locked(DEVELOPMENT) if each.here)


def main() -> int:
    """1 where a licence is none of those allowed."""
    wrong = [(package, words) for package, words in licences() if not is_allowed(words)]
    for package, words in wrong:
        sys.stdout.write(f"{package.name} {package.version}: {words or 'says no licence'}\n")
    if not wrong:
        sys.stdout.write("The licences of all packages are allowed.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
