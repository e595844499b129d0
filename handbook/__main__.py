"""`python -m handbook`: build the site; 1 where a link or an anchor leads nowhere."""

import shutil
import subprocess
import sys
from pathlib import Path

from batchgen.local.local_dir import LOCAL
from handbook.assembly import pages

#: What Zensical reads, its cache among it; its working directory.
WORKSHOP = LOCAL / "handbook"
SITE = LOCAL / "site"
_LOOKS = Path(__file__).parent


def build() -> int:
    """Assemble the pages and render them; Zensical's exit code."""
    shutil.rmtree(WORKSHOP, ignore_errors=True)
    for path, content in pages().items():
        target = WORKSHOP / "docs" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    shutil.copy(_LOOKS / "zensical.toml", WORKSHOP)
    shutil.copytree(_LOOKS / "overrides", WORKSHOP / "overrides")
    argv = [sys.executable, "-m", "zensical", "build", "--strict"]
    code = subprocess.run(argv, cwd=WORKSHOP, check=False).returncode
    if code == 0:
        shutil.rmtree(SITE, ignore_errors=True)
        (WORKSHOP / "site").rename(SITE)
    return code


def main() -> int:
    """Build, and say how it is read."""
    code = build()
    if code == 0:
        sys.stdout.write(f"Read it: {sys.executable} -m http.server --directory {SITE} 8100\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
