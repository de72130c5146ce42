"""The layouts of other suites. Our own are in test_folder.py."""

import json
from pathlib import Path

import pytest
from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.models.folder import FolderModel
from harness.models.folder_layouts import geneval, heim, t2i_compbench
from harness.models.registry import ModelOptions
from harness.run import main
from harness.types import Failure, Request

PROMPTS = [
    Prompt("p-0", "a green bench and a blue bowl"),
    Prompt("p-1", "A photo of two dogs."),
    Prompt("p-2", 'a sign that says "hi/ho"'),
]


def save(path: Path, value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (value,) * 3).save(path)
    return path


def names(found: dict[tuple[str, int], Path], root: Path) -> dict[tuple[str, int], str]:
    return {place: path.relative_to(root).as_posix() for place, path in found.items()}


def test_geneval_goes_by_the_prompt_in_the_metadata(tmp_path: Path) -> None:
    """Whatever the folders' numbers: here the bench is in another order."""
    for number, text in ((0, "a photo of two dogs"), (7, PROMPTS[0].text), (8, "something else")):
        for sample in range(2):
            save(tmp_path / f"{number:05}" / "samples" / f"{sample:05}.png")
        save(tmp_path / f"{number:05}" / "grid.png")
        (tmp_path / f"{number:05}" / "metadata.jsonl").write_text(json.dumps({"tag": "x", "prompt": text}))
    assert names(geneval(tmp_path, PROMPTS), tmp_path) == {
        ("p-1", 0): "00000/samples/00000.png",
        ("p-1", 1): "00000/samples/00001.png",
        ("p-0", 0): "00007/samples/00000.png",
        ("p-0", 1): "00007/samples/00001.png",
    }


def test_geneval_without_metadata_goes_by_number(tmp_path: Path) -> None:
    for number in (0, 2, 9):
        save(tmp_path / f"{number:05}" / "samples" / "0000.png")
    assert names(geneval(tmp_path, PROMPTS), tmp_path) == {
        ("p-0", 0): "00000/samples/0000.png",
        ("p-2", 0): "00002/samples/0000.png",
    }


def test_prompts_of_one_text_are_taken_in_turn(tmp_path: Path) -> None:
    twice = [Prompt("a", "a cat"), Prompt("b", "a cat")]
    for number in (3, 4):
        save(tmp_path / f"{number:05}" / "samples" / "0000.png")
        (tmp_path / f"{number:05}" / "metadata.jsonl").write_text('{"prompt": "a cat"}\n')
    assert names(geneval(tmp_path, twice), tmp_path) == {
        ("a", 0): "00003/samples/0000.png",
        ("b", 0): "00004/samples/0000.png",
    }


@pytest.mark.parametrize("inner", ["", "samples"])
def test_t2i_compbench_goes_by_the_prompt_in_the_name(inner: str, tmp_path: Path) -> None:
    """Numbers run through the whole folder, so a prompt's samples are its files in their order."""
    folder = tmp_path / inner
    for name in (
        "a green bench and a blue bowl_000012.png",
        "a green bench and a blue bowl_000003.png",
        "A photo of two dogs._000000.png",
        "a sign that says _hi_ho__000001.png",
        "a cat_000004.png",
        "other.png",
    ):
        save(folder / name)
    found = {place: path.name for place, path in t2i_compbench(tmp_path, PROMPTS).items()}
    assert found == {
        ("p-0", 0): "a green bench and a blue bowl_000003.png",
        ("p-0", 1): "a green bench and a blue bowl_000012.png",
        ("p-1", 0): "A photo of two dogs._000000.png",
        ("p-2", 0): "a sign that says _hi_ho__000001.png",
    }


def state(text: str, *completions: object) -> dict[str, object]:
    return {
        "instance": {"input": {"text": text}, "id": "id0", "split": "test"},
        "request": {"prompt": text},
        "result": {"success": True, "completions": list(completions)},
    }


def test_heim_goes_by_the_state_of_the_scenario(tmp_path: Path) -> None:
    """Paths of this machine, names of files that were copied here from another, and both versions' fields."""
    here = save(tmp_path / "elsewhere" / "one.png")
    run = tmp_path / "run"
    save(run / "images" / "two.png")
    save(run / "three.png")

    def media(location: object) -> dict[str, object]:
        item = {"content_type": "image/png", "location": str(location)}
        return {"text": "", "multimodal_content": {"media_objects": [item]}}

    states = [
        state(PROMPTS[1].text, media(here), media("/another/machine/two.png")),
        state("a cat", media(here)),
        state(PROMPTS[0].text, {"text": "", "file_location": "/another/machine/three.png"}),
        state(PROMPTS[2].text, media("/another/machine/gone.png")),
        {"instance": {"input": {"text": "a dog"}}, "result": None},
    ]
    (run / "scenario_state.json").write_text(json.dumps({"request_states": states}))
    assert {place: path.name for place, path in heim(run, PROMPTS).items()} == {
        ("p-1", 0): "one.png",
        ("p-1", 1): "two.png",
        ("p-0", 0): "three.png",
    }
    (run / "scenario_state.json").write_text('{"request_states": [{}]}')
    with pytest.raises(InputError, match="not the state of a HEIM run"):
        heim(run, PROMPTS)


def test_the_model_names_the_layout_and_reads_the_pictures(tmp_path: Path) -> None:
    for number, prompt in enumerate(PROMPTS[:2]):
        save(tmp_path / f"{number:05}" / "samples" / "0000.png", 50 + number)
        (tmp_path / f"{number:05}" / "metadata.jsonl").write_text(json.dumps({"prompt": prompt.text}))
    model = FolderModel(ModelOptions(str(tmp_path)))
    model.read_prompts(PROMPTS)
    assert model.identity()["layout"] == "geneval"
    results = model.generate([Request(prompt, 0, 0) for prompt in PROMPTS])
    assert [r.status if isinstance(r, Failure) else int(r[0, 0, 0]) for r in results] == [50, 51, "error"]


def test_a_whole_run_over_genevals_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    objects = [
        {"tag": "single_object", "include": [{"class": "cat", "count": 1}], "prompt": f"cat {i}"}
        for i in (1, 2)
    ]
    Path("meta.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in objects))
    for number in range(2):
        for sample in range(2):
            save(Path(f"out/{number:05}/samples/{sample:05}.png"))
        Path(f"out/{number:05}/metadata.jsonl").write_text(json.dumps(objects[number]))
    command = ["--model", "folder:out", "--bench", "geneval", "--prompts", "meta.jsonl", "--no-score"]
    assert main([*command, "--samples-per-prompt", "2", "--on-failure", "fail"]) == 0
