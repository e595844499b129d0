"""A real nginx (Debian's package `nginx-light`) with servers as docs/proxies.md has them."""

import os
import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path

from batchgen.local.child import Child, Running
from batchgen.local.local_dir import ROOT

#: None where it is not installed; Debian's does not stand in every user's path.
PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
_AROUND = """\
daemon off;
pid {home}/pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log {access_log};
    client_body_temp_path {home}/bodies;
    proxy_temp_path {home}/answers;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    {server}
}}
"""


def documented(heading: str) -> list[str]:
    """The configurations of nginx that stand below a heading of docs/proxies.md."""
    text = (ROOT / "docs/proxies.md").read_text()
    below = re.split(rf"^#+ {re.escape(heading)}$", text, flags=re.MULTILINE)[1]
    level = re.search(rf"^(#+) {re.escape(heading)}$", text, flags=re.MULTILINE)
    assert level
    section = re.split(rf"^#{{1,{len(level[1])}}} ", below, flags=re.MULTILINE)[0]
    return re.findall(r"```nginx\n(.*?)```", section, re.DOTALL)


def write(home: Path, server: str, *, access_log: str = "off") -> Path:
    """The configuration round `server`, in `home`."""
    user = "user root;" if os.geteuid() == 0 else ""
    file = home / "nginx.conf"
    file.write_text(_AROUND.format(home=home, user=user, server=server, access_log=access_log))
    return file


def nginx(home: Path, server: str, *, address: str, port: int, access_log: str = "off") -> Child:
    """One with that server, which listens there once it is ready."""
    configuration = write(home, server, access_log=access_log)
    argv = [str(PROGRAM), "-p", str(home), "-e", "stderr", "-c", str(configuration)]

    def listens(_: Running) -> bool:
        with suppress(OSError), socket.create_connection((address, port), timeout=1):
            return True
        return False

    return Child(name="nginx", argv=argv, ready=listens)
