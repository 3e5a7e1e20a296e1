"""Holds the command line: `regard`."""

from .commands import main, run_command

__all__ = ["main", "run_command"]
