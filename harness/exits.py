"""Exit statuses, and the one place where errors become them."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from drawbench.errors import InputError

FINE = 0
BAD_VERDICT = 1
BAD_INPUT = 2
INCONCLUSIVE = 3
NOT_COMPARABLE = 4
BROKEN = 70
INTERRUPTED = 130


def run_app(app: typer.Typer, arguments: Sequence[str] | None, name: str) -> int:
    """Runs a command line and returns its exit status; what goes wrong becomes one line on stderr.

    A command returns its status (None is 0). A fault of ours shows its traceback and gives `BROKEN`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our signs must not end a run
    command: Callable[..., Any] = typer.main.get_command(app)
    try:
        status = command(args=arguments, prog_name=name, standalone_mode=False)
    except InputError as error:
        complain(str(error))
        return BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains when it flushes at its end
        return BROKEN
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return BAD_INPUT
    except Exception as error:
        # Typer's usage errors: their class lives in click or inside typer, depending on its version.
        explain = getattr(error, "format_message", None)
        if explain is None:
            traceback.print_exc()
            complain("this is a fault of the program, not of what you gave it")
            return BROKEN
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else name
        complain(f"{explain().rstrip('.')}; see '{path} --help'")
        return BAD_INPUT
    return status if isinstance(status, int) else FINE


def command_line() -> tuple[str, ...]:
    """The command line of this process, for the record, without the machine's own paths."""
    program = Path(sys.argv[0])
    start = ("python", "-m", f"harness.{program.stem}") if program.suffix == ".py" else (program.name,)
    return (*start, *sys.argv[1:])


def complain(message: str) -> None:
    """Prints `error: <message>` on stderr as one line."""
    print("error: " + " ".join(message.split("\n")), file=sys.stderr, flush=True)
