"""`python -m benchmarks.peers MODULE send|work`: what a peer does in a process of its own."""

import sys
from importlib import import_module

if __name__ == "__main__":
    module, command = sys.argv[1:]
    getattr(import_module(f"benchmarks.peers.{module}"), command)()
