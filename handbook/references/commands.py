"""Every command of manage.py that is batchgen's own, with its help."""

import argparse
import os
import tomllib
from collections.abc import Iterator

import django
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, DjangoHelpFormatter

from batchgen.local.local_dir import ROOT
from handbook.references.markdown import head

#: Django's own options, the same for every command.
_OF_DJANGO = {
    *("version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color"),
    *("skip_checks", "help"),
}
_WIDTH = 96


class _Formatter(DjangoHelpFormatter):
    """As in a terminal of this width, whatever the builder's is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_WIDTH)


def names() -> dict[str, str]:
    """{command: its app}, of batchgen's own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")
    django.setup()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = project["tool"]["importlinter"]["root_packages"]
    return {
        name: app
        for name, app in sorted(get_commands().items())
        if isinstance(app, str) and app.partition(".")[0] in rooms
    }


def page() -> str:
    """The page."""
    return head("commands") + "".join(_section(name, app) for name, app in names().items())


def _section(name: str, app: str) -> str:
    command = load_command_class(app, name)
    texts = [_help(parser) for parser in _parsers(command.create_parser("manage.py", name))]
    blocks = "\n".join(f"```text\n{text}```\n" for text in texts)
    return f"\n## {name}\n\n{_prose(command)}\n\n{blocks}"


def _prose(command: BaseCommand) -> str:
    return " ".join(command.help.split())


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The command's, and those of its actions."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action.choices.values():
                yield from _parsers(choice)


def _help(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = _Formatter
    parser.description = None
    for action in parser._actions:
        if action.dest in _OF_DJANGO:
            action.help = argparse.SUPPRESS
    return parser.format_help()
