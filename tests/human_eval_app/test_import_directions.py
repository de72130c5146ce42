"""Imports between the sub-packages of `human_eval_app` go one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import human_eval_app

ROOT = Path(human_eval_app.__file__).parent
ORDER = (
    "pictures",
    "studies",
    "database",
    "store",
    "exports",
    "analysis",
    "reports",
    "planning",
    "simulated",
    "web",
    "commands",
)
"""Each imports only from those before it."""


def imported(path: Path) -> Iterator[str]:
    """The sub-packages of ours that a file names in its imports, also in those that run later."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == ROOT.name:
                yield rest.partition(".")[0]


def test_every_module_is_in_a_sub_package_with_a_place() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "app.py"}
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(ORDER)
    listed = [
        line.split()[0] for line in (human_eval_app.__doc__ or "").splitlines() if line.startswith("    ")
    ]
    assert tuple(listed) == ORDER


@pytest.mark.parametrize("package", ORDER)
def test_a_sub_package_imports_only_from_those_before_it(package: str) -> None:
    allowed = {*ORDER[: ORDER.index(package) + 1]}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in imported(path)
        if name not in allowed
    ]
    assert wrong == []


def test_shell_pages_are_run_by_path_and_imported_by_nothing_else() -> None:
    outside = [
        path for path in (ROOT / "web").glob("*.py") if "web.shell" in path.read_text(encoding="utf-8")
    ]
    assert outside == []
