"""`drawbench study`: everything about human evaluation but the pages that raters see."""

from __future__ import annotations

import typer

from human_eval_app.commands.analyse import analyse
from human_eval_app.commands.create import create
from human_eval_app.commands.export import export, import_ratings
from human_eval_app.commands.invite import invite, reissue, revoke
from human_eval_app.commands.plan import plan
from human_eval_app.commands.simulate import simulate
from human_eval_app.commands.status import close, exclude, include, reopen, status

study_app = typer.Typer(help="Human evaluation: plan and make a study, invite raters, follow it, analyse it.")
for command in (plan, create, invite, reissue, revoke, status, close, reopen, exclude, include):
    study_app.command()(command)
study_app.command()(export)
study_app.command("import")(import_ratings)
study_app.command()(analyse)
study_app.command()(simulate)
