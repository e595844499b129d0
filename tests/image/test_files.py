"""What is in the image, and what is not."""

import json
import os
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from tests.image.conftest import MARK
from tests.image.containers import Image

_MOST_BYTES = 300_000_000
#: Who may write to a folder beside root: where a volume or memory is mounted.
_WRITABLE = ("exports", "tmp", "var/tmp", "run/lock")
_IMPORTS = "import django; django.setup(); import batchgen.asgi, workers.tasks, batchgen.flower"


def entries(image: Image) -> Iterator[tuple[str, os.stat_result]]:
    """Each file and folder, by its place in the image."""
    for folder, folders, files in os.walk(image.files):
        for name in (*folders, *files):
            path = Path(folder, name)
            yield str(path.relative_to(image.files)), path.lstat()


def files(image: Image) -> dict[str, os.stat_result]:
    """The files alone."""
    return {path: found for path, found in entries(image) if stat.S_ISREG(found.st_mode)}


def test_it_is_small(image: Image) -> None:
    sizes = {path: found.st_size for path, found in files(image).items()}
    parts: Counter[str] = Counter()
    for path, size in sizes.items():
        parts[path.partition("/")[0]] += size
    assert parts.total() < _MOST_BYTES, parts


def test_nothing_that_lay_about_is_in_a_layer_or_in_what_is_told(image: Image) -> None:
    argv = ["grep", "-rlF", MARK, str(image.store / "root")]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, "")
    told = json.dumps(image.described)
    assert not [each for each in (MARK, "PASSWORD", "index-url") if each in told]


def test_nothing_of_the_machine_that_built_it_is_left(image: Image) -> None:
    for name in ("etc/pip.conf", "root/.config", "root/.cache", "app/.git", "app/.env"):
        assert not (image.files / name).exists(), name
    named = [path for path in files(image) if path.endswith((".pem", ".key"))]
    assert not [each for each in named if b"PRIVATE KEY" in (image.files / each).read_bytes()]


def test_nobody_gains_a_right_or_changes_a_file_in_it(image: Image) -> None:
    user, _, group = image.user.partition(":")
    assert (user.isdigit(), group.isdigit(), int(user) > 0) == (True, True, True)
    for path, found in files(image).items():
        assert not found.st_mode & (stat.S_ISUID | stat.S_ISGID), path
    for path, found in entries(image):
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            continue
        if path.startswith(_WRITABLE):
            continue
        assert found.st_uid != int(user), path
        assert not found.st_mode & stat.S_IWOTH, path


def test_there_is_nothing_to_install_with(image: Image) -> None:
    programs = {Path(path).name for path, found in files(image).items() if found.st_mode & 0o111}
    installers = {"pip", "pip3", "apt-get", "dpkg", "perl", "gcc"}
    assert installers & programs == set()
    # For who looks which of the packages have known faults.
    assert (image.files / "var/lib/dpkg/status").is_file()


def test_nothing_is_compiled_at_a_start(image: Image, tmp_path: Path) -> None:
    logs = LogFiles(tmp_path / "log")
    argv = ["sh", "-c", f"python -v -c '{_IMPORTS}' 2>&1 | grep \"code object from [^']\" || true"]
    given = {"DJANGO_SETTINGS_MODULE": "batchgen.settings"}
    with Supervisor(logs.line, signals=False) as supervisor:
        ran = supervisor.run(image.child("python", argv, given, mounts={}))
    logs.close()
    assert list(ran.lines) == []
