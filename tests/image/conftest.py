"""The image, built once from a copy of this tree in which secrets lie about."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchgen.local.local_dir import LOCAL, ROOT
from tests.image.containers import Image, image_built, missing

#: Stands in every file that must not be in the image.
MARK = "lies-about-and-is-in-no-image"
_LYING_ABOUT = (
    *(".env", "secrets/provider_key", "tls/privkey.pem", ".git/config"),
    *("batchgen/.env", "web/server.key", "runs/secrets/token", "workers/key.pem"),
)
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "node_modules")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if why := missing():
        pytest.skip(why)
    context = Path(tmp_path_factory.mktemp("context")) / "tree"
    shutil.copytree(ROOT, context, ignore=_NOT_COPIED)
    for name in _LYING_ABOUT:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(f"{MARK}\n")
    with image_built(context, LOCAL / "images") as built:
        yield built
