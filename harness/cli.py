"""The installed command `drawbench`: the main command and what goes with it."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from harness.commands.baseline import baseline_app
from harness.commands.compare import compare
from harness.commands.control import control
from harness.commands.describe import describe
from harness.commands.difference import difference
from harness.commands.distance import distance
from harness.commands.explain_fid import explain_fid
from harness.commands.export import export
from harness.commands.ls import ls
from harness.commands.merge import merge
from harness.commands.pareto import pareto
from harness.commands.reference import reference
from harness.commands.report import report
from harness.commands.score import score
from harness.commands.selftest import selftest
from harness.commands.verify import verify
from harness.commands.watch import watch
from harness.commands.weights import weights_app
from harness.exits import run_app
from harness.run import run

ELSEWHERE = {
    "rate": "human_eval_app.commands.rate:rate",
    "study": "human_eval_app.commands.study:study_app",
}
"""Commands of the packages that stand above this one: name -> module:function or module:app of sub-commands.

They are imported when a command line is read, never when this module is.
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line `drawbench`; returns its exit status."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    for command in (
        run,
        score,
        control,
        report,
        verify,
        export,
        watch,
        ls,
        describe,
        selftest,
        difference,
        compare,
        merge,
        pareto,
        reference,
        distance,
        explain_fid,
    ):
        app.command()(command)
    app.add_typer(weights_app, name="weights")
    app.add_typer(baseline_app, name="baseline")
    for name, place in ELSEWHERE.items():
        module, attribute = place.split(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return run_app(app, arguments, "drawbench")


if __name__ == "__main__":
    sys.exit(main())
