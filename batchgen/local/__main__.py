"""`python -m batchgen.local up | demo | manage COMMAND… | run -- COMMAND… | clean`."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from batchgen import env
from batchgen.local import stack
from batchgen.local.child import Child, ChildFailedError
from batchgen.local.local_dir import (
    LOCAL,
    ROOT,
    LocalError,
    clean,
    free_port,
    kept_secret,
    locked,
    require_free,
    scratch,
    servers_told,
    servers_up,
)
from batchgen.local.supervisor import StopRequestedError, Supervisor
from batchgen.local.terminal import LogFiles, Terminal

_INTERRUPTED = 130
_PROJECT = r"project [0-9a-f-]{36}$"


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """The superuser of the local stack."""

    user: str
    password: str
    #: Whether the password was made by this very run, so that it has to be shown.
    fresh: bool

    def shown(self) -> str:
        """How the terminal tells it."""
        if self.fresh:
            return f"{self.user} / {self.password}   (shown once; kept in .local/password)"
        where = "BATCHGEN_PASSWORD" if env.secret("BATCHGEN_PASSWORD") else ".local/password"
        return f"{self.user}, with the password in {where}"


def up(terminal: Terminal) -> int:
    """Start everything, and keep it up until Ctrl-C."""
    host, port = _host(), _port()
    flower_port = env.integer("BATCHGEN_FLOWER_PORT", 5555, least=1, most=65535)
    if flower_port == port:
        raise LocalError(f"BATCHGEN_PORT and BATCHGEN_FLOWER_PORT are both {port}. Change one.")
    with locked("make up"):
        require_free(host, port, "BATCHGEN_PORT")
        require_free("127.0.0.1", flower_port, "BATCHGEN_FLOWER_PORT")
        environment, sign_in = _environment()
        with (
            Supervisor(terminal.line) as supervisor,
            stack.servers(supervisor, LOCAL, environment, durable=True),
        ):
            provider = _start_provider(supervisor, environment, terminal)
            flower = f"http://127.0.0.1:{flower_port}/"
            # The pages of staff lead there.
            environment["BATCHGEN_FLOWER_URL"] = environment.get("BATCHGEN_FLOWER_URL") or flower
            _start_program(supervisor, environment, host, port)
            to_flower = f"{flower}   ({_flower_sign_in(environment)})"
            supervisor.start(stack.flower(environment, flower_port))
            with servers_told(_made(environment)):
                _show_addresses(terminal, stack.address(host, port), to_flower, sign_in, provider)
                supervisor.watch()
            terminal.say(
                "Stopping: the worker finishes the calls that have begun. "
                "Ctrl-C again stops at once."
            )
    terminal.say("Stopped.")
    return 0


def demo(terminal: Terminal) -> int:
    """Show in the terminal what there is to make; the first exit code that is not 0, or 0."""
    host, began = _host(), time.monotonic()
    port = _port() if env.text("BATCHGEN_PORT") else free_port(host)
    with locked("make demo"):
        require_free(host, port, "BATCHGEN_PORT")
        environment, _ = _environment()
        logs = LogFiles(LOCAL / "log")
        with (
            Supervisor(logs.line) as supervisor,
            stack.servers(supervisor, LOCAL, environment, durable=True),
        ):
            terminal.say("PostgreSQL and Redis are up.")
            _start_provider(supervisor, environment, terminal)
            _start_program(supervisor, environment, host, port)
            terminal.say(f"Web, worker and beat are up; their logs are in {LOCAL / 'log'}.")
            code = _show(supervisor, environment, terminal)
        logs.close()
    terminal.say(f"Everything is stopped again, after {time.monotonic() - began:.0f} s.")
    terminal.say("All of it is kept in .local/: `make up` shows it in the browser.")
    return code


def _show(supervisor: Supervisor, environment: stack.Environment, terminal: Terminal) -> int:
    """Generate the sample's stories, then go the whole way from notes; the first code that is not
    0 ends it."""
    sample = _load_sample(supervisor, environment)
    notes = _load_sample(supervisor, environment, "--notes")
    fast = ("--pacing", "adaptive", "--max-concurrency", "10")
    file = ("--option", "format", "markdown", "--save", str(LOCAL / "workshop.md"))
    steps: tuple[tuple[str, ...], ...] = (
        ("A backlog's epics become stories", sample),
        ("Notes become cards", notes, "--type", "ANALYZE_CARDS"),
        ("Cards become epics", notes, "--type", "GENERATE_EPICS"),
        ("Epics become stories", notes, *fast),
        ("Stories become subtasks", notes, "--type", "GENERATE_SUBTASKS", *fast),
        ("All of it becomes a file", notes, "--type", "EXPORT", *file),
    )
    for title, project, *words in steps:
        terminal.say()
        terminal.say(f"== {title}")
        # A demo that was stopped in the middle goes on.
        command = ("generate", project, "--watch", "--attach", *words)
        generate = stack.manage(environment, *command, attached=True)
        if code := supervisor.run(generate, checked=False).code() or 0:
            return code
    return 0


def _made(environment: stack.Environment) -> stack.Environment:
    """What whoever works beside the stack has to be told: a key of their own they have."""
    own = stack.base_environment()
    return {
        name: environment[name]
        for name in stack.MADE
        if name in environment and environment[name] != own.get(name)
    }


def manage(command: Sequence[str]) -> int:
    """Become one of manage.py's commands, with the servers of the `make up` that is running."""
    child = stack.manage(stack.base_environment() | servers_up(), *command)
    os.chdir(ROOT)
    os.execve(child.argv[0], list(child.argv), dict(child.env or {}))  # noqa: S606 - our own Python


def run(command: Sequence[str], terminal: Terminal) -> int:
    """Run a command against a fresh PostgreSQL and Redis that are thrown away afterwards."""
    environment = stack.base_environment()
    with scratch() as directory:
        logs = LogFiles(directory / "log")
        with (
            Supervisor(logs.line) as supervisor,
            stack.servers(supervisor, directory, environment, durable=False),
        ):
            child = Child(name=command[0], argv=command, env=environment, attached=True)
            code = supervisor.run(child, checked=False).code() or 0
        logs.close()
    return code if code >= 0 else 128 - code


def clean_local() -> int:
    """Remove what this clone keeps between runs."""
    clean()
    return 0


def _environment() -> tuple[stack.Environment, SignIn]:
    environment = stack.base_environment()
    if not environment.get("BATCHGEN_SECRET_KEY"):
        environment["BATCHGEN_SECRET_KEY"] = kept_secret("secret-key")[0]
    password, fresh = environment.get("BATCHGEN_PASSWORD", ""), False
    if not password:
        password, fresh = kept_secret("password")
    sign_in = SignIn(user=env.text("BATCHGEN_USER") or "demo", password=password, fresh=fresh)
    environment |= {"BATCHGEN_USER": sign_in.user, "BATCHGEN_PASSWORD": sign_in.password}
    return environment, sign_in


def _flower_sign_in(environment: stack.Environment) -> str:
    """Give Flower a sign-in of its own, which opens nothing else; what the terminal tells of it."""
    if environment.get("FLOWER_BASIC_AUTH"):
        return "sign in as FLOWER_BASIC_AUTH says"
    password, fresh = kept_secret("flower-password")
    environment["FLOWER_BASIC_AUTH"] = f"flower:{password}"
    if fresh:
        return f"flower / {password}, shown once; kept in .local/flower-password"
    return "flower, with the password in .local/flower-password"


def _start_provider(
    supervisor: Supervisor, environment: stack.Environment, terminal: Terminal
) -> str:
    if stack.wants_simulator(environment):
        stack.start_simulator(supervisor, environment)
        terminal.say("No ANTHROPIC_API_KEY: the built-in simulator answers.")
        return "the built-in simulator (set ANTHROPIC_API_KEY to ask Claude)"
    return environment.get("ANTHROPIC_BASE_URL") or "Anthropic"


def _start_program(
    supervisor: Supervisor, environment: stack.Environment, host: str, port: int
) -> None:
    supervisor.run(stack.manage(environment, "migrate", "--no-input"))
    supervisor.run(stack.manage(environment, "ensure_superuser"))
    web = stack.web(environment, host, port)
    worker = stack.worker(environment, stack.address(host, port))
    supervisor.start_all([web, worker, stack.beat(environment, LOCAL)])


def _load_sample(supervisor: Supervisor, environment: stack.Environment, *words: str) -> str:
    loaded = supervisor.run(stack.manage(environment, "load_sample", *words))
    line = loaded.find(_PROJECT)
    if line is None:
        raise ChildFailedError(loaded, "did not tell the project")
    return line.removeprefix("project ")


def _show_addresses(
    terminal: Terminal, web: str, flower: str, sign_in: SignIn, provider: str
) -> None:
    rows = {
        "Pages": f"{web}/",
        "API": f"{web}/api/docs",
        "Admin": f"{web}/admin/",
        "Flower": flower,
        "Sign in": sign_in.shown(),
        "Commands": ".venv/bin/python -m batchgen.local manage help",
        "Provider": provider,
        "Stop": "Ctrl-C",
    }
    terminal.say()
    for name, text in rows.items():
        terminal.say(f"  {name:<9} {text}")
    terminal.say()


def _host() -> str:
    return env.text("BATCHGEN_HOST") or "127.0.0.1"


def _port() -> int:
    return env.integer("BATCHGEN_PORT", 8000, least=1, most=65535)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m batchgen.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="web, worker, beat and Flower until Ctrl-C")
    commands.add_parser("demo", help="show what there is to make, then stop")
    manage_ = commands.add_parser("manage", help="a command of manage.py, beside `up`")
    manage_.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    commands.add_parser("clean", help="remove .local/")
    run_ = commands.add_parser("run", help="run a command against fresh servers")
    run_.add_argument("argv", nargs="+", metavar="COMMAND", help="after --")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """The exit code: 0, the command's own, 1 for an error that was told, 130 after Ctrl-C."""
    arguments, terminal = _arguments(argv), Terminal()
    commands: dict[str, Callable[[], int]] = {
        "up": lambda: up(terminal),
        "demo": lambda: demo(terminal),
        "manage": lambda: manage(arguments.argv or ["help"]),
        "run": lambda: run(arguments.argv, terminal),
        "clean": clean_local,
    }
    try:
        return commands[arguments.command]()
    except (LocalError, ChildFailedError, ImproperlyConfigured, RuntimeError) as error:
        terminal.say(f"\nStopped: {error}")
        return 1
    except StopRequestedError:
        terminal.say("\nStopped.")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
