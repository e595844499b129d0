"""The SDK without most of its modules, which describe what batchgen never asks for.

Its packages import all that they have when one name of theirs is asked for: 2,900 modules, a second
of a worker's start. Here each name is imported when it is asked for, from the module from which the
package's own text imports it.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

_DEFERRED = re.compile(r"anthropic(\.(lib|types)(\..+)?)?")
#: Functions of packages that the SDK names at its own import and calls only for spans of its own,
#: which our clients have none of: behind them are most of the modules that are left.
_CALLED_LATE = {("anthropic.lib._tracing", "finish_api_call_span")}


@contextmanager
def lean_sdk() -> Iterator[None]:
    """Have the SDK imported so, where this block is the first in this process to import it."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder:
    """Finds the packages that are to import their names late; all else Python finds as always."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not _DEFERRED.fullmatch(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not spec.submodule_search_locations:
            return spec
        if isinstance(spec.loader, SourceFileLoader):  # of another kind the text cannot be read
            spec.loader = _PackageLoader(fullname, spec.loader.path)
        return spec


class _PackageLoader(SourceFileLoader):
    """Makes a package and does not run its text."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: `_Package` does it piece by piece."""


class _Package(ModuleType):
    """A package whose names are imported one by one."""

    def __getattr__(self, name: str) -> Any:
        """A name that was not asked for yet.

        Raises:
            AttributeError: the package's text imports none of that name from a module.
        """
        home = _homes(vars(self).get("__file__")).get(name)
        if home is None:
            raise AttributeError(f"{self.__name__} was imported without {name}: see {__name__}")
        late = (self.__name__, name) in _CALLED_LATE
        value = partial(self._call, *home) if late else self._find(*home)
        setattr(self, name, value)
        return value

    def _find(self, module: str, name: str) -> Any:
        return getattr(import_module(module, self.__name__), name)

    def _call(self, module: str, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._find(module, name)(*args, **kwargs)


@cache
def _homes(init: str | None) -> dict[str, tuple[str, str]]:
    """{name: (module, its name there)} of all that a package's file imports from modules."""
    text = Path(init).read_text(encoding="utf-8") if init else ""
    imports = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]
    return {
        each.asname or each.name: (f"{'.' * node.level}{node.module}", each.name)
        for node in imports
        if node.module
        for each in node.names
    }
