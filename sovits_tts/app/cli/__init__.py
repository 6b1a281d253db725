"""`sovits-tts`: one file per group of commands, each loaded with its libraries only when it runs.

Exit codes: 0 done; 2 the user's input is at fault; 1 the network's or our own (`--debug` shows where); 130 stopped.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

from sovits_tts.errors import ConfigError, InputError, SovitsError
from sovits_tts.progress import Cancelled


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(argv: list[str]) -> int:
    """Run one command line; returns its exit code. Errors become one line on stderr, and an object with `--json`."""
    import typer

    from sovits_tts.app.cli.commands import app

    argv, debug = _without_debug(argv)
    as_json = "--json" in _options(argv)
    try:
        return int(app(argv, prog_name="sovits-tts", standalone_mode=False) or 0)
    except SovitsError as error:
        return _fail(error, error.code, debug, as_json, 2 if isinstance(error, InputError) else 1)
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        print("Stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        if hasattr(error, "format_message"):  # a wrong command line
            return _show_usage(error, as_json)
        return _fail(error, "internal", debug, as_json, 1)


def _options(argv: list[str]) -> list[str]:
    """What stands before `--`."""
    return argv[: argv.index("--")] if "--" in argv else argv


def _without_debug(argv: list[str]) -> tuple[list[str], bool]:
    """`--debug` counts wherever it stands before `--`."""
    options = _options(argv)
    kept = [item for item in options if item != "--debug"]
    return kept + argv[len(options) :], len(kept) < len(options)


def _show_usage(error: Any, as_json: bool) -> int:
    message = error.format_message()
    if not message.strip():  # a command line without a command gets the help
        error.show()
        return int(error.exit_code)
    context = getattr(error, "ctx", None)
    name = context.command_path if context else "sovits-tts"
    return _fail(ConfigError(message, hint=f"See {name} --help."), "usage", False, as_json, int(error.exit_code))


def _fail(error: Exception, code: str, debug: bool, as_json: bool, exit_code: int) -> int:
    if debug:
        traceback.print_exception(error)
    if isinstance(error, SovitsError):
        message, hint = str(error.message), str(error.hint)
        print(f"Error: {error}", file=sys.stderr)
    else:
        message, hint = f"{type(error).__name__}: {error}", "This is a bug; please report it."
        print(f"Internal error: {message}. {hint}" + ("" if debug else " --debug shows where."), file=sys.stderr)
    if as_json:
        from sovits_tts.app.cli.console import show_json

        show_json({"error": {"code": code, "message": message, "hint": hint}})
    return exit_code
