"""Commands that plugins bring: looked for only where a name is not one of ours, or help is asked."""
from __future__ import annotations

import argparse
import os
from typing import Any, Callable, Dict

from ..config import load as load_config
from ..errors import DeepwatchError, PluginError
from ..hooks import plugin_manager
from .console import Console
from .parser import Command


def plugin_commands(console: Console) -> Dict[str, Command]:
    """Return the commands of all plugins of the project around the working directory."""
    config = load_config(os.getcwd(), console.environ)
    hook: Any = plugin_manager(config.root, config.plugins).hook
    found: Dict[str, Command] = {}
    for commands in reversed(hook.deepwatch_commands()):      # the plugin that is asked first wins
        for name, summary, add_arguments, call in commands:
            found[name] = Command(add_arguments, _guarded(name, call), summary)
    return found


def _guarded(name: str, call: Callable[..., int]) -> Callable[[argparse.Namespace, Console], int]:
    def guarded(args: argparse.Namespace, console: Console) -> int:
        try:
            return call(args, console)
        except (DeepwatchError, BrokenPipeError):
            raise
        except Exception as error:  # a plugin may raise anything; it is not a bug of ours
            raise PluginError(f"the plugin's command `{name}` failed: {type(error).__name__}: {error}",
                              hint="correct the plugin, or take it out") from error

    return guarded
