"""The services of docker-compose.yml as processes in the image's files, where there is no engine.

As compose says: each service's own command, variables and files of secrets; the image's files
read-only, with a /tmp in memory; the image's user, without a right of root's. Only the network is
this machine's, so ports are free ones, and names of services are addresses here.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from batchgen.local.child import Child, Readiness
from batchgen.local.local_dir import ROOT

_NAME = "batchgen-test"
#: root, then pairs of what is mounted and where, then `--` and the program. The first mount makes
#: the files one of their own, which the second one can turn read-only.
_ENTER = """
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind /dev "$root/dev"
mount --bind /proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run/secrets"
while [ "$1" != -- ]; do
    [ -d "$1" ] || : >"$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
exec /usr/sbin/chroot "$root" "$@"
"""
_IN_MOUNTS_OF_ITS_OWN = ("/usr/bin/unshare", "--mount", "/bin/sh", "-c", _ENTER, "sh")
_NOTHING: Mapping[str, str] = {}
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Image:
    """What was built."""

    #: A copy of its files, where services have their mount points.
    files: Path
    #: Of the Open Container Initiative: `config`, `history` and more.
    described: Mapping[str, Any]
    #: Where buildah keeps its layers.
    store: Path

    @property
    def user(self) -> str:
        """Number of the user, and of its group."""
        return str(self.described["config"]["User"])

    def child(
        self,
        name: str,
        argv: list[str],
        environment: Mapping[str, str],
        *,
        mounts: Mapping[Path, str],
        ready: Readiness | None = None,
    ) -> Child:
        """A program in it."""
        user, _, group = self.user.partition(":")
        config = self.described["config"]
        pairs = [str(part) for mount in mounts.items() for part in mount]
        rights = [f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
        rights += ["--bounding-set=-all", "--inh-caps=-all"]
        inside = ["setpriv", *rights, "env", "-C", config["WorkingDir"], *argv]
        own = dict(each.split("=", 1) for each in config["Env"])
        return Child(
            name=name,
            argv=[*_IN_MOUNTS_OF_ITS_OWN, str(self.files), *pairs, "--", *inside],
            env={**own, **environment},
            cwd=Path("/"),
            ready=ready,
            grace_s=60,
        )


def missing() -> str:
    """What keeps the image from being built here; nothing: an empty text."""
    if os.getuid() != 0:
        return "only root can make it without an engine"
    needed = ("buildah", "mmdebstrap", "setpriv", "unshare")
    absent = [each for each in needed if shutil.which(each) is None]
    return f"needs {', '.join(absent)}: apt-get install them" if absent else ""


@contextmanager
def image_built(context: Path, store: Path) -> Iterator[Image]:
    """Build it by deploy/build.sh from the files in `context`; the base stays in the store."""
    environment = {**os.environ, "STORE": str(store)}
    argv = [str(context / "deploy" / "build.sh"), _NAME]
    subprocess.run(argv, env=environment, check=True)

    def buildah(*words: str) -> str:
        command = ["buildah", "--root", f"{store}/root", "--runroot", f"{store}/run", *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    described = json.loads(buildah("inspect", "--type", "image", _NAME))["OCIv1"]
    container = buildah("from", "--pull=false", _NAME)
    try:
        files = Path(buildah("mount", container))
        for each in ("dev", "proc", "run/secrets"):
            (files / each).mkdir(parents=True, exist_ok=True)
        yield Image(files, described, store)
    finally:
        buildah("umount", container)
        buildah("rm", container)
        buildah("rmi", _NAME)


def _services() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return read


@dataclass
class Services:
    """docker-compose.yml's, on this machine."""

    image: Image
    #: Their files of secrets, and the volume of exported files.
    secrets: Path
    exports: Path
    #: What the shell of compose would say.
    variables: Mapping[str, str]
    #: Texts of the file, and what stands in their place here: addresses and ports.
    here: Mapping[str, str]
    services: Mapping[str, Any] = field(default_factory=_services)

    def service(self, name: str, *, ready: Readiness | None = None) -> Child:
        """A service, by its own command."""
        return self.child(name, self._command(name), ready=ready)

    def child(
        self,
        name: str,
        argv: list[str],
        *,
        ready: Readiness | None = None,
        more: Mapping[str, str] = _NOTHING,
    ) -> Child:
        """Another command in a service."""
        given = self.services[name]
        secrets = [self.secrets / each for each in given.get("secrets", ())]
        mounts = {path: f"/run/secrets/{path.name}" for path in secrets}
        if given.get("volumes"):
            mounts[self.exports] = "/exports"
        return self.image.child(
            name, argv, {**self._environment(name), **more}, mounts=mounts, ready=ready
        )

    def secret(self, name: str) -> str:
        """What a file has."""
        return (self.secrets / name).read_text().strip()

    def health(self, name: str) -> Child:
        """A service's health check."""
        kind, *argv = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.child(name, [self._local(each) for each in argv])

    def _command(self, name: str) -> list[str]:
        return [self._local(each.replace("$$", "$")) for each in self.services[name]["command"]]

    def _environment(self, name: str) -> dict[str, str]:
        given = self.services[name]["environment"]
        # What has no value in the file is passed on from compose's shell, where it is set there.
        return {
            **{each: self._local(str(value)) for each, value in given.items() if value is not None},
            **{each: self.variables[each] for each in given if each in self.variables},
        }

    def _local(self, text: str) -> str:
        text = _VARIABLE.sub(lambda found: self.variables.get(found[1]) or found[2] or "", text)
        for there, here in self.here.items():
            text = text.replace(there, here)
        return text
