from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness.models.dummy import DummyModel
from harness.models.registry import BUILT_IN, ModelOptions, load_model, model_names

MODULE = """
class Painter:
    def __init__(self, options):
        self.options = options
    def identity(self):
        return {"name": "painter"}
    def generate(self, requests):
        return []

def build():
    return Painter(None)

class Half:
    def identity(self):
        return {}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with a module and entry points, as importlib.metadata sees one."""
    (tmp_path / "painter_package.py").write_text(MODULE)
    info = tmp_path / "painter_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: painter-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[drawbench.models]\npainter = painter_package:Painter\nghost = painter_package:Ghost\n"
        "dummy = painter_package:Painter\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_built_in_models_come_by_name() -> None:
    assert isinstance(load_model("dummy", ModelOptions()), DummyModel)
    assert list(model_names()) == list(BUILT_IN)


@pytest.mark.usefixtures("package")
def test_entry_points_are_found_and_get_their_argument_and_options() -> None:
    model = load_model("painter:some:thing", ModelOptions(device="cpu", offline=True))
    assert type(model).__name__ == "Painter"
    assert model.options == ModelOptions("some:thing", "cpu", "auto", None, True)  # type: ignore[attr-defined]
    assert model_names()["painter"] == "from painter_package:Painter"
    with pytest.raises(InputError, match="painter_package has no 'Ghost'"):
        load_model("ghost", ModelOptions())


@pytest.mark.usefixtures("package")
def test_built_in_names_win() -> None:
    assert isinstance(load_model("dummy", ModelOptions()), DummyModel)


@pytest.mark.usefixtures("package")
def test_modules_with_classes_functions_and_half_models() -> None:
    assert load_model("painter_package:Painter", ModelOptions()).identity() == {"name": "painter"}
    assert load_model("painter_package:build", ModelOptions()).identity() == {"name": "painter"}
    assert load_model("python:painter_package:Painter", ModelOptions()).identity() == {"name": "painter"}
    for spec in ("painter_package:Painter", "python:painter_package:Painter"):
        told = load_model(f"{spec}:some:thing", ModelOptions(device="cpu")).options  # type: ignore[attr-defined]
        assert told == ModelOptions("some:thing", "cpu")
        assert load_model(spec, ModelOptions("x")).options.argument == ""  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="has no generate method"):
        load_model("painter_package:Half", ModelOptions())


@pytest.mark.parametrize(
    "spec", ["nothing", "no-thing:x", "nothing:", ":x", "no such:x", "python:", "python:x"]
)
def test_unknown_models(spec: str) -> None:
    with pytest.raises(InputError, match="unknown model"):
        load_model(spec, ModelOptions())
