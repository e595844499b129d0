"""Hosts of a network of their own on this machine: namespaces, all at one switch.

A host is a network namespace with one address. The switch is a bridge in a namespace of its own,
in which this process is too: it reaches every host, and the machine's own network is not touched.
What passes from host to host goes by the switch's rules, which drop what is cut.

Names begin with `bgh` and the number of the process that made them. Whoever starts takes down what
dead ones left: `sweep`.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from batchgen.local.child import Child, logged
from batchgen.local.local_dir import ROOT
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import Sink

_PREFIX = "bgh"
_NAMED = Path("/run/netns")
_NET = "10.203.0"
_OPERATOR = f"{_NET}.1"
_BRIDGE = "switch"
_DEVICE = "eth0"
_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL = 0x8946
#: Of linux/ethtool.h: transmit checksums, segmentation by TCP's and by general rules.
_ETHTOOL_SET = (0x17, 0x1F, 0x24)
_PROGRAMS = ("ip", "tc", "nft")
_THIN = ("tbf", "rate", "4mbit", "burst", "3kb", "latency", "400ms")
_SBIN = "/usr/sbin:/sbin"
_ENDED_S = 5.0
#: Cut are pairs of addresses, in one direction each; of a lossy pair every tenth packet is lost.
_RULES = """
table bridge hosts {
    set cut { type ipv4_addr . ipv4_addr; }
    set lossy { type ipv4_addr . ipv4_addr; }
    chain forward {
        type filter hook forward priority 0;
        ip saddr . ip daddr @cut drop
        ip saddr . ip daddr @lossy numgen random mod 100 < 10 drop
    }
    chain input {
        type filter hook input priority 0;
        ip saddr . ip daddr @cut drop
    }
    chain output {
        type filter hook output priority 0;
        ip saddr . ip daddr @cut drop
    }
}
"""


class NoHosts(Exception):
    """There can be no hosts here; the message says why."""


def program(name: str) -> str | None:
    """Where a program is, also one that stands in no user's path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")


def require() -> None:
    """See whether hosts can be made here.

    Raises:
        NoHosts: they cannot.
    """
    if os.geteuid() != 0:
        raise NoHosts("only root makes network namespaces")
    if missing := [name for name in _PROGRAMS if program(name) is None]:
        raise NoHosts(f"no {' and no '.join(missing)}: apt-get install iproute2 nftables")
    name = f"{_PREFIX}{os.getpid()}-try"
    try:
        _try(name)
    except subprocess.CalledProcessError as error:
        command = " ".join(error.cmd)
        raise NoHosts(f"this kernel makes none: {command}: {error.stderr.strip()}") from error
    except OSError as error:
        raise NoHosts(f"nobody enters a namespace here: {error}") from error
    finally:
        if (_NAMED / name).exists():
            _run("ip", "netns", "delete", name)


def _try(name: str) -> None:
    """Make one of everything in a namespace of that name."""
    _run("ip", "netns", "add", name)
    _run("nft", "-f", "-", within=name, text=_RULES)
    _run("ip", "link", "add", _BRIDGE, "type", "bridge", within=name)
    _run("ip", "link", "add", "one", "type", "veth", "peer", "name", "other", within=name)
    _run("tc", "qdisc", "replace", "dev", "one", "root", *_THIN, within=name)
    with _in(name), socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
        pass


@dataclass(frozen=True)
class Host:
    """One machine, as far as the network is concerned."""

    name: str
    address: str
    namespace: str

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is on the host until the end of the block: what it starts stays there.

        A pool of connections that is opened meanwhile stays there as well: open none.
        """
        with _in(self.namespace):
            yield

    def pids(self) -> list[int]:
        """Its processes."""
        return _pids(self.namespace)

    def send(self, number: signal.Signals) -> None:
        """Send all of its processes a signal."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@dataclass
class Network:
    """The switch, and the hosts at it."""

    hosts: dict[str, Host] = field(default_factory=dict)
    #: How often each pair of addresses is forbidden, by the rule.
    _forbidden: dict[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: {"cut": Counter(), "lossy": Counter()}
    )
    _tag: str = field(default_factory=lambda: f"{_PREFIX}{os.getpid()}")

    @property
    def _switch(self) -> str:
        return f"{self._tag}-{_BRIDGE}"

    @property
    def operator(self) -> Host:
        """Where this process is."""
        return Host(name="operator", address=_OPERATOR, namespace=self._switch)

    def host(self, name: str) -> Host:
        """A new host at the switch.

        Args:
            name: at most eleven characters.
        """
        number = 10 + len(self.hosts)
        made = Host(name=name, address=f"{_NET}.{number}", namespace=f"{self._tag}-{name}")
        _run("ip", "netns", "add", made.namespace)
        ends = ("type", "veth", "peer", "name", _DEVICE, "netns", made.namespace)
        _run("ip", "link", "add", f"to-{name}", *ends, within=self._switch)
        _run("ip", "link", "set", f"to-{name}", "master", _BRIDGE, "up", within=self._switch)
        _run("ip", "address", "add", f"{made.address}/24", "dev", _DEVICE, within=made.namespace)
        for device in ("lo", _DEVICE):
            _run("ip", "link", "set", device, "up", within=made.namespace)
        self.hosts[name] = made
        return made

    def cut(self, some: Collection[Host], others: Collection[Host]) -> None:
        """Let nothing pass between the two groups, in either direction, and say nothing of it."""
        self._change("cut", some, others, 1)

    def heal(self, some: Collection[Host], others: Collection[Host]) -> None:
        """Take one such cut back."""
        self._change("cut", some, others, -1)

    def lose(self, some: Collection[Host], others: Collection[Host]) -> None:
        """Lose every tenth packet between them."""
        self._change("lossy", some, others, 1)

    def lose_no_more(self, some: Collection[Host], others: Collection[Host]) -> None:
        """Take that back."""
        self._change("lossy", some, others, -1)

    def slow(self, host: Host) -> None:
        """Give it a thin line: packets wait for those before them."""
        for within, device in self._ends(host):
            _run("tc", "qdisc", "replace", "dev", device, "root", *_THIN, within=within)

    def fast(self, host: Host) -> None:
        """Give it its own line back."""
        for within, device in self._ends(host):
            _run("tc", "qdisc", "delete", "dev", device, "root", within=within)

    @contextmanager
    def far(self, host: Host, *, ms: float, sink: Sink) -> Iterator[None]:
        """Have what it sends, and what is sent to it, take so long, until the end of the block."""
        port, lag, end = f"to-{host.name}", f"lag-{host.name}", f"end-{host.name}"
        within = self._switch
        _run("ip", "link", "add", lag, "type", "veth", "peer", "name", end, within=within)
        for name in (lag, end):
            _run("ip", "link", "set", name, "up", within=within)
        # Frames are carried as they are: with their checksums, and no larger than on a real wire.
        with host.entered():
            _offload(_DEVICE, on=False)
        _offload(end, on=False)
        argv = [sys.executable, "-m", f"{__package__}.wire", port, lag, str(ms)]
        child = Child(name=f"wire-{host.name}", argv=argv, cwd=ROOT, ready=logged("carries"))
        with Supervisor(sink, signals=False) as supervisor:
            _run("ip", "link", "set", port, "nomaster", "arp", "off", within=within)
            supervisor.start(child)
            _run("ip", "link", "set", end, "master", _BRIDGE, within=within)
            yield
        _run("ip", "link", "delete", lag, within=within)
        _run("ip", "link", "set", port, "master", _BRIDGE, "arp", "on", within=within)
        with host.entered():
            _offload(_DEVICE, on=True)

    def all_but(self, *hosts: Host) -> list[Host]:
        """All other hosts; this process's place is none."""
        return [host for host in self.hosts.values() if host not in hosts]

    def _change(self, rule: str, some: Collection[Host], others: Collection[Host], by: int) -> None:
        pairs = self._forbidden[rule]
        for one, other in product(some, others):
            pairs[one.address, other.address] += by
            pairs[other.address, one.address] += by
        told = ", ".join(f"{a} . {b}" for (a, b), times in pairs.items() if times and a != b)
        # One transaction: what stays forbidden is so all the time.
        text = f"flush set bridge hosts {rule}\n"
        text += f"add element bridge hosts {rule} {{ {told} }}\n" if told else ""
        _run("nft", "-f", "-", within=self._switch, text=text)

    def _ends(self, host: Host) -> tuple[tuple[str, str], ...]:
        """Of its cable: in which namespace, and the device's name there."""
        return (self._switch, f"to-{host.name}"), (host.namespace, _DEVICE)

    def _open(self) -> None:
        _run("ip", "netns", "add", self._switch)
        _run("ip", "link", "set", "lo", "up", within=self._switch)
        _run("ip", "link", "add", _BRIDGE, "type", "bridge", within=self._switch)
        _run("ip", "address", "add", f"{_OPERATOR}/24", "dev", _BRIDGE, within=self._switch)
        _run("ip", "link", "set", _BRIDGE, "up", within=self._switch)
        _run("nft", "-f", "-", within=self._switch, text=_RULES)


@contextmanager
def network() -> Iterator[Network]:
    """A switch without hosts, which this thread, and those that it starts, are at until the end.

    Raises:
        NoHosts: there can be none here.
    """
    sweep()
    require()
    made = Network()
    try:
        made._open()
        with _in(made._switch):
            yield made
    finally:
        for name in _namespaces(f"{made._tag}-"):
            _take_down(name)


def sweep() -> list[str]:
    """Take down what makers that are dead left, processes too; the names of it."""
    left = [name for name in _namespaces(_PREFIX) if not _lives(_maker(name))]
    for name in left:
        _take_down(name)
    return left


def _namespaces(prefix: str) -> list[str]:
    return sorted(path.name for path in _NAMED.glob(f"{prefix}*")) if _NAMED.is_dir() else []


def _maker(name: str) -> int:
    digits = name.removeprefix(_PREFIX).split("-", maxsplit=1)[0]
    return int(digits) if digits.isdecimal() else 0


def _lives(pid: int) -> bool:
    """Whether it is a process, and not one that was given a dead one's number later."""
    with suppress(OSError):
        return b"python" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _take_down(name: str) -> None:
    deadline = time.monotonic() + _ENDED_S
    own = os.getpid()
    while (pids := [pid for pid in _pids(name) if pid != own]) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    _run("ip", "netns", "delete", name)


def _pids(namespace: str) -> list[int]:
    return [int(line) for line in _run("ip", "netns", "pids", namespace).split()]


@contextmanager
def _in(namespace: str) -> Iterator[None]:
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        wanted = os.open(_NAMED / namespace, os.O_RDONLY)
        try:
            _setns(wanted)
        finally:
            os.close(wanted)
        try:
            yield
        finally:
            _setns(before)
    finally:
        os.close(before)


def _offload(device: str, *, on: bool) -> None:
    """Let a device of this thread's namespace leave checksums and the cutting of frames to others,
    or not."""
    for command in _ETHTOOL_SET:
        value = ctypes.create_string_buffer(struct.pack("II", command, on))
        request = struct.pack("16sP", device.encode(), ctypes.addressof(value))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            fcntl.ioctl(asked, _SIOCETHTOOL, request)


def _setns(handle: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(handle, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _run(name: str, *arguments: str, within: str = "", text: str = "") -> str:
    argv = [program(name) or name, *arguments]
    if within:
        argv = [program("ip") or "ip", "netns", "exec", within, *argv]
    environment: Mapping[str, str] = {"PATH": f"{os.defpath}:{_SBIN}", "LC_ALL": "C"}
    done = subprocess.run(
        argv, input=text, capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout
