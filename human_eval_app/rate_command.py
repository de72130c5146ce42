"""`drawbench rate`: puts a study before raters, or shows what that is like."""

from __future__ import annotations

from typing import Annotated

import typer

from drawbench.errors import InputError
from harness.exits import FINE


def rate(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY",
            help="A study folder; with --demo, a kind: realism, alignment or side_by_side.",
            show_default=False,
        ),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Rate a small made-up study; nothing is needed.")
    ] = False,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. Others than this machine's own need a TLS proxy in front."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8501,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="postgresql+psycopg://... instead of the study's own.", show_default=False
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The public address behind a proxy, such as https://ratings.example.org."
        ),
    ] = None,
) -> int:
    """Serves a study's rating pages and its administration until it is stopped."""
    if demo:
        return _demo(study, host, port, base_url or "")
    if study is None:
        raise InputError("which study? Give its folder, or --demo to try the app without one")
    from human_eval_app.hosting import host_study

    host_study(study, address=host, port=port, base_url=base_url or "", database=database)
    return FINE


def _demo(kind: str | None, host: str, port: int, base_url: str) -> int:
    import sys
    import tempfile
    from pathlib import Path

    from human_eval_app.demo import make_demo
    from human_eval_app.hosting import host_study
    from human_eval_app.questions import KINDS
    from human_eval_app.store import open_store
    from human_eval_app.study import Study

    kind = kind or "side_by_side"
    if kind not in KINDS:
        raise InputError(f"--demo {kind!r} is no kind of study; give one of {', '.join(KINDS)}")
    with tempfile.TemporaryDirectory(prefix="drawbench-demo-") as folder:
        place = Path(folder) / "study"
        admin_token = make_demo(place, kind)
        study = Study.open(place)
        store = open_store(study.database_url, create=True)
        store.register(study.design)
        tokens = [invite.token for invite in store.invite(3)]
        store.close_connections()
        base = base_url.rstrip("/") or f"http://{'localhost' if host in {'0.0.0.0', '::'} else host}:{port}"
        print("Three raters' links, each for one browser:")
        for token in tokens:
            print(f"  {base}/enter/{token}")
        print(f"Administration: {base}/admin/login with the token\n  {admin_token}")
        print("The demo study is deleted when you stop it (Ctrl-C).")
        sys.stdout.flush()
        host_study(str(place), address=host, port=port, base_url=base_url)
    return FINE
