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
            help="A study folder; with --demo, a kind: realism, alignment or side-by-side.",
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
            metavar="URL",
            help="postgresql+psycopg://... to keep the ratings in from now on, for every command; "
            "only before the first link is made.",
            show_default=False,
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
        if database is not None:
            raise InputError("--database is for a study; the demo keeps its answers only until it is stopped")
        return _demo(study, host, port, base_url or "")
    if study is None:
        raise InputError("which study? Give its folder, or --demo to try the app without one")
    from human_eval_app.web.hosting import host_study

    if database is not None:
        from human_eval_app.store.opening import keep_ratings_in

        keep_ratings_in(study, database)
    host_study(study, address=host, port=port, base_url=base_url or "")
    return FINE


def _demo(kind: str | None, host: str, port: int, base_url: str) -> int:
    import sys
    import tempfile
    from pathlib import Path

    from human_eval_app.store.rating_store import open_store
    from human_eval_app.studies.demo import make_demo
    from human_eval_app.studies.questions import KINDS
    from human_eval_app.studies.study import Study
    from human_eval_app.web.hosting import host_study

    kind = (kind or "side_by_side").replace("-", "_")
    if kind not in KINDS:
        raise InputError(f"--demo {kind!r} is no kind of study; give one of {', '.join(KINDS)}")
    with tempfile.TemporaryDirectory(prefix="drawbench-demo-") as folder:
        place = Path(folder) / "study"
        admin_token = make_demo(place, kind)
        study = Study.open(place)
        store = open_store(study.database_url, create=True)
        store.register(study.design)
        links = store.invite(3)
        store.close_connections()

        def tell(base: str) -> None:
            print("Three raters' links, each for one browser:")
            for link in links:
                print(f"  {link.address(base)}")
            print(f"Administration: {base}/admin/login with the token\n  {admin_token}")
            print("The demo study is deleted when you stop it (Ctrl-C).")
            sys.stdout.flush()

        host_study(str(place), address=host, port=port, base_url=base_url, on_listening=tell)
    return FINE
