"""`drawbench study ...` as it is typed."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import scenes_run, small_run

from harness.cli import main
from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.study import Study


@pytest.fixture
def runs(tmp_path: Path) -> tuple[str, str]:
    one = small_run(tmp_path / "one", model="imagen", samples=2, seed=1)
    two = small_run(tmp_path / "two", model="glide", samples=2, seed=2)
    return str(one), str(two)


@pytest.fixture
def study(runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "study"
    options = ("--samples", "2", "--nesting", "category", "--controls", "0", "--practice", "0")
    assert main(["study", "create", "side-by-side", *runs, "--out", str(folder), *options]) == 0
    capsys.readouterr()
    return folder


def test_create_prints_the_admin_token_once_and_makes_the_database(
    runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    assert main(["study", "create", "side-by-side", *runs, "--out", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    study = Study.open(folder)
    assert study.is_admin(told["admin_token"])
    assert told["digest"] == study.design.digest
    assert told["raters_needed"] == {"all": 5}
    assert told["items"]["rating"] == 6
    store = open_store(study.database_url)
    assert store.design == study.design
    store.close_connections()


def test_a_study_whose_database_cannot_be_made_is_not_left_behind(
    runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("human_eval_app.database.connections.network_file_system", lambda folder: "nfs4")
    before = sorted(tmp_path.iterdir())
    assert main(["study", "create", "side-by-side", *runs, "--out", str(tmp_path / "study")]) == 2
    told = capsys.readouterr()
    assert "network file system" in told.err
    assert told.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_dry_run_writes_nothing(
    runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    assert main(["study", "create", "side-by-side", *runs, "--out", str(out), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "6 pages to rate, 5 ratings each" in said
    assert "imagen unchanged" in said
    assert not out.exists()


def test_texts_of_ones_own(tmp_path: Path) -> None:
    run = scenes_run(tmp_path / "run", n=4)
    (tmp_path / "consent.txt").write_text("Our consent.\n\nTwo paragraphs.\n")
    arguments = ["study", "create", "realism", str(run), "--out", str(tmp_path / "study"), "--strict"]
    arguments += ["--consent", str(tmp_path / "consent.txt"), "--title", "Our title", "--practice", "1"]
    arguments += ["--completion-url", "https://app.prolific.com/submissions/complete?cc=C1"]
    assert main(arguments) == 0
    design = Study.open(tmp_path / "study").design
    assert design.consent == "Our consent.\n\nTwo paragraphs."
    assert design.title == "Our title"
    assert design.strict
    assert "choose as well as you can" in design.instructions
    assert design.completion_url.endswith("cc=C1")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--quota", "0"], "quota"),
        (["--control-gate", "2"], "control-gate"),
        (["--completion-url", "javascript:x"], "completion_url"),
        (["--name", "a b"], "name"),
        (["--database", "ratings.db"], "--database"),
        (["--consent", "absent.txt"], "absent.txt"),
        (["--secret-file", "absent.key"], "absent.key"),
        (["--size", "4"], "--size"),
        (["--size", "400"], ""),
        (["--preset", "imagen-parti"], "preset"),
        (["--baseline", "dalle"], "--baseline"),
        (["--bench", "nonsense", "--dry-run"], "nonsense"),
    ],
)
def test_bad_flags_end_with_status_2_and_leave_nothing(
    runs: tuple[str, str],
    tmp_path: Path,
    arguments: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "made" / "study"
    status = main(["study", "create", "side-by-side", *runs, "--out", str(out), *arguments])
    if arguments == ["--size", "400"]:
        assert status == 0, "both sides are enlarged alike"
        return
    error = capsys.readouterr().err
    assert status == 2
    assert error.startswith("error: ")
    assert complaint in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_invite_makes_links_that_let_raters_in(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "invite", str(study), "--raters", "2", "--cell", "Colors", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["rater"], row["cell"], row["places"]) for row in rows] == [
        (1, "Colors", 1),
        (2, "Colors", 1),
    ]
    start = "http://127.0.0.1:8501/enter/"
    assert all(row["link"].startswith(start) for row in rows)
    store = open_store(Study.open(study).database_url)
    rater = store.rater_of(store.exchange(rows[1]["link"].removeprefix(start)))
    assert rater is not None
    assert (rater.id, rater.cell) == (2, "Colors")
    store.close_connections()


def test_links_in_a_private_file(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "links.csv"
    arguments = ["study", "invite", str(study), "--cell", "every", "--raters", "2", "--expires", "30d"]
    arguments += ["--base-url", "https://ratings.example.org/", "--out", str(out)]
    assert main(arguments) == 0
    assert "4 links" in capsys.readouterr().out
    assert out.stat().st_mode & 0o777 == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == ["Colors", "Colors", "Counting", "Counting"]
    assert all(row["link"].startswith("https://ratings.example.org/enter/") for row in rows)
    assert all(row["expires"] for row in rows)
    before = out.read_bytes()
    assert main(arguments) == 2
    assert out.read_bytes() == before, "links are never overwritten"


def test_open_links_take_prolifics_ids(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "invite", str(study), "--open", "--raters", "30", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["places"] == 30
    assert "?PROLIFIC_PID={{%PROLIFIC_PID%}}" in row["link"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--raters", "0"],
        ["--cell", "Nonsense"],
        ["--expires", "soon"],
        ["--expires", "2001-01-01"],
        ["--base-url", "ratings.example.org"],
        ["--base-url", "javascript:alert(1)"],
        ["--base-url", "https://x/?a=1"],
        ["--base-url", "https://x/path"],
        ["--out", "/nowhere/links.csv"],
    ],
)
def test_bad_invitations(study: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "invite", str(study), *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    store = open_store(Study.open(study).database_url)
    assert store.raters() == []
    store.close_connections()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_links_are_shown_where_their_file_cannot_be_written(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import human_eval_app.studies.writing as writing

    def full(path: Path, data: bytes) -> None:
        Path("/dev/full").write_bytes(data)  # the device's own "no space left"

    monkeypatch.setattr(writing, "write_private", full)
    command = ["study", "invite", str(study), "--raters", "2", "--out", str(tmp_path / "links.csv")]
    assert main(command) == 2
    printed = capsys.readouterr()
    assert "No space left" in printed.err
    assert printed.out.count("/enter/") == 2


def test_status_close_and_reopen(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "invite", str(study), "--raters", "3", "--label", "lab [red]"])
    assert main(["study", "status", str(study), "--raters"]) == 0
    said = capsys.readouterr().out
    for part in ("Colors", "Counting", "15", "30", "3 invited", "lab [red]"):
        assert part in said
    assert main(["study", "close", str(study)]) == 0
    assert main(["study", "status", str(study), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.split("ratings\n", 1)[-1])
    assert told["status"] == "closed"
    assert (told["rated"], told["wanted"]) == (0, 30)
    assert main(["study", "reopen", str(study)]) == 0
    main(["study", "status", str(study), "--json"])
    assert json.loads(capsys.readouterr().out.split("is open\n", 1)[-1])["status"] == "open"


def test_exclusions_are_logged_and_undone(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "invite", str(study)])
    assert main(["study", "exclude", str(study), "rater", "1", "--reason", "spam"]) == 0
    assert main(["study", "exclude", str(study), "rater", "1", "--reason", "spam"]) == 0
    assert "was excluded already" in capsys.readouterr().out
    assert main(["study", "include", str(study), "rater", "1", "--reason", "a mistake"]) == 0
    store = open_store(Study.open(study).database_url)
    kinds = [event.kind for event in store.events()]
    assert kinds.count("exclude") == kinds.count("include") == 1
    store.close_connections()
    for target, name in (("rater", "7"), ("rater", "x"), ("item", "x"), ("rating", "x")):
        assert main(["study", "exclude", str(study), target, name, "--reason", "no"]) == 2
    assert main(["study", "exclude", str(study), "rater", "1", "--reason", " "]) == 2


def test_reissue_and_revoke(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "invite", str(study), "--json"])
    old = json.loads(capsys.readouterr().out)[0]["link"].rpartition("/")[2]
    assert main(["study", "reissue", str(study), "1", "--json"]) == 0
    new = json.loads(capsys.readouterr().out)["link"].rpartition("/")[2]
    store = open_store(Study.open(study).database_url)
    with pytest.raises(Exception, match="revoked"):
        store.exchange(old)
    assert store.exchange(new)
    assert main(["study", "revoke", str(study), "1"]) == 0
    store.close_connections()
    assert main(["study", "reissue", str(study), "9"]) == 2


def test_create_takes_what_reports_must_say(
    runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "reporting.toml", tmp_path / "told"
    create = ["study", "create", "side-by-side", *runs, "--practice", "0", "--out", str(out)]
    create += ["--reporting", str(file)]
    for wrong in ("pay = 'much'", "ethics = 3", "ethics", "'"):
        file.write_text(wrong)
        assert main(create) == 2
        said = capsys.readouterr().err.strip()
        assert "recruitment, demographics, compensation, ethics" in said
        assert "\n" not in said
    file.write_text('recruitment = "a list"\nethics = "board 7"\n')
    assert main([*create, "--ethics", "board 8", "--compensation", "12 euros for an hour"]) == 0
    told = Study.open(out).design.reporting
    assert (told.recruitment, told.ethics, told.demographics) == ("a list", "board 8", "")
    assert told.compensation == "12 euros for an hour"


def test_the_admin_token_is_renewed(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = Study.open(study)
    old = opened.admin_hash
    assert main(["study", "reissue", str(study), "--admin", "--json"]) == 0
    token = json.loads(capsys.readouterr().out)["admin_token"]
    assert opened.admin_hash != old
    assert opened.is_admin(token)
    assert main(["study", "reissue", str(study), "--admin"]) == 0
    assert not opened.is_admin(token)
    assert opened.is_admin(capsys.readouterr().out.split()[-1])
    store = open_store(opened.database_url)
    assert [event.kind for event in store.events()].count("new_admin_token") == 2
    store.close_connections()
    for wrong in (["1", "--admin"], []):
        assert main(["study", "reissue", str(study), *wrong]) == 2
        assert "--admin" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "close", "reopen", "invite"])
def test_what_is_no_study(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", command, str(tmp_path)]) == 2
    assert "no study" in capsys.readouterr().err


def test_another_studys_database_is_refused(
    study: Path, runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    main(["study", "create", "side-by-side", *runs, "--out", str(other), "--practice", "0"])
    (other / "study.db").write_bytes((study / "study.db").read_bytes())
    for left in ("study.db-wal", "study.db-shm"):
        (other / left).unlink(missing_ok=True)
    assert main(["study", "status", str(other)]) == 2
    assert "another design" in capsys.readouterr().err


def test_a_database_that_cannot_serve_is_refused_before_anything_is_made(
    study: Path, runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "other"
    create = ["study", "create", "side-by-side", *runs, "--out", str(out), "--practice", "0", "--database"]
    assert main([*create, f"sqlite:///{study / 'study.db'}"]) == 2
    assert "holds a study already" in capsys.readouterr().err
    assert main([*create, "postgresql+psycopg://nobody@127.0.0.1:1/none"]) == 2
    assert "cannot be used" in capsys.readouterr().err
    assert not out.exists()
    assert main([*create, f"sqlite:///{tmp_path / 'elsewhere.db'}"]) == 0
    assert (tmp_path / "elsewhere.db").is_file()
    assert (out / "database.url").stat().st_mode & 0o777 == 0o600
    assert not (out / "study.db").exists()


def test_help_loads_no_heavy_module() -> None:
    code = (
        "import sys, harness.cli\n"
        "assert not any(name.startswith('human_eval_app') for name in sys.modules)\n"
        "assert harness.cli.main(['study', '--help']) == 0\n"
        "heavy = {'torch', 'pandas', 'sqlalchemy', 'streamlit', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "create" in done.stdout


def test_from_simulated_raters_to_report_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from human_eval_app.studies.demo import make_demo

    folder, export, again = tmp_path / "demo", tmp_path / "export", tmp_path / "again.db"
    make_demo(folder, "alignment")
    assert main(["study", "simulate", str(folder), "--raters", "8", "--steady"]) == 0
    assert main(["study", "export", str(folder), "--out", str(export), "--format", "csv"]) == 0
    assert {"ratings.csv", "protocol.md", "data_dictionary.md"} <= {path.name for path in export.iterdir()}
    assert not list(export.glob("*.parquet"))
    few = ["--resamples", "200"]
    assert main(["study", "analyse", str(folder), "--out", str(tmp_path / "one"), *few]) == 0
    assert main(["study", "analyse", str(export), "--out", str(tmp_path / "two"), *few]) == 0
    one, two = ((tmp_path / name / "analysis.json").read_bytes() for name in ("one", "two"))
    assert one == two, "an export gives the same analysis"
    assert "**Entered**" in (tmp_path / "one" / "protocol.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["study", "import", str(export), "--database", str(again), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["design"] == Study.open(folder).design.digest
    assert told["ratings"] > 0
    assert main(["study", "import", str(export), "--database", str(again)]) == 2, "only into an empty one"
    assert main(["study", "import", str(tmp_path / "absent"), "--database", str(again)]) == 2


def test_plan_tells_width_and_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = ["study", "plan", "realism", "--prompts", "200"]
    assert main([*size, "--raters", "25", "--per-prompt", "5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["prompts"], told["raters"], told["ratings"]) == (200, 25, 1000)
    assert 0 < told["width"] < 50
    assert main([*size, "--width", "15", "--per-rater", "40", "--plot", str(tmp_path / "plan.png")]) == 0
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")
    for bad in (
        [],
        ["--raters", "25", "--width", "10"],
        ["--width", "10", "--per-prompt", "5"],
        ["--raters", "25", "--per-rater", "5"],
        ["--raters", "25", "--plot", "plan.pdf"],
        ["--width", "0.1"],
        ["--raters", "1"],
    ):
        assert main([*size, *bad]) == 2
