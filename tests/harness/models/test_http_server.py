"""The adapter for servers of one's own, against a real one that misbehaves."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.models.http_server import HttpModel, HttpsModel
from harness.models.registry import ModelOptions, load_model
from harness.types import Drawn, Failure, Request

Colour = Callable[[str], tuple[int, int, int]]
QUICK = {"backoff": 0.01, "timeout": 0.5}


def ask(server, prompts: list[str], **given: object) -> list[Drawn | Failure]:
    one = load_model(f"{server.url}/draw", ModelOptions())
    assert isinstance(one, HttpModel)
    resolved = one.resolve_settings({**QUICK, **given})
    return one.generate([Request(Prompt(f"p-{i}", text), 2, i, resolved) for i, text in enumerate(prompts)])


def shown(result: Drawn | Failure) -> tuple[int, ...] | str:
    if isinstance(result, Failure):
        return result.status
    return tuple(int(value) for value in np.asarray(result.picture)[0, 0])


def test_the_contract(image_server, colour: Colour) -> None:
    (drawn,) = ask(image_server, ["a cat"], guidance_scale=3, style={"of": "x"})
    assert isinstance(drawn, Drawn)
    assert shown(drawn) == colour("a cat")
    assert (drawn.notes, drawn.cost) == (("drawn by hand",), 0.5)
    ((method, path, _, body, _),) = image_server.calls
    assert (method, path) == ("POST", "/draw")
    assert body == {
        "prompt": "a cat", "prompt_id": "p-0", "index": 2, "seed": 0,
        "settings": {"guidance_scale": 3, "style": {"of": "x"}},
    }  # fmt: skip


def test_a_picture_file_is_an_answer_too(image_server, colour: Colour) -> None:
    image_server.script["a cat"] = ["file broken", "file"]
    assert [shown(result) for result in ask(image_server, ["a cat"])] == [colour("a cat")]


def test_failures_in_the_servers_own_words(image_server) -> None:
    image_server.script = {"a cat": ["flagged"], "a dog": ["odd"], "a cow": ["refuse"]}
    assert ask(image_server, ["a cat", "a dog"]) == [
        Failure("filtered", "not today", 0.5),
        Failure("error", "the server answers with the unknown failure 'shy': not today", 0.5),
    ]
    (refused,) = ask(image_server, ["a cow"])
    assert isinstance(refused, Failure)
    assert refused.status == "error"
    assert refused.reason.startswith("status 400: ")


@pytest.mark.parametrize(
    "step", ["busy", "broken", "hang", "reset", "drop", "drip", "garbage", "no picture", "file broken"]
)
def test_what_passes_is_tried_again(step: str, image_server, colour: Colour) -> None:
    image_server.script["a cat"] = [step]
    results = ask(image_server, ["a cat", "a dog"], retries=1)
    assert [shown(result) for result in results] == [colour("a cat"), colour("a dog")]
    assert (image_server.asked("a cat"), image_server.asked("a dog")) == (2, 1)
    image_server.script["a cow"] = [step] * 5
    failed, drawn = ask(image_server, ["a cow", "a fish"], retries=1)
    assert (shown(failed), shown(drawn)) == ("error", colour("a fish"))
    assert isinstance(failed, Failure)
    assert failed.reason.endswith("(tried 2 times)")


@pytest.mark.parametrize(("step", "status"), [("key", 401), ("model", 404), ("redirect", 302)])
def test_other_statuses_end_the_run(step: str, status: int, image_server) -> None:
    image_server.script["a cat"] = [step]
    with pytest.raises(InputError, match=rf"serves no request \(status {status}"):
        ask(image_server, ["a cat"])


def test_identity_is_what_the_server_says(image_server) -> None:
    one = load_model(f"{image_server.url}/draw", ModelOptions())
    plain = one.identity()
    assert plain == {
        "name": "http-127.0.0.1", "version": 1, "address": f"{image_server.url}/draw", "server": {}
    }  # fmt: skip
    image_server.identity = {"weights": "abc"}
    assert one.identity() == {**plain, "server": {"weights": "abc"}}
    image_server.close()
    with pytest.raises(InputError, match="no server answers at"):
        one.identity()


def test_settings_stay_here_or_go_along(image_server, monkeypatch: pytest.MonkeyPatch) -> None:
    one = HttpModel(ModelOptions(image_server.url))
    resolved = one.resolve_settings({"width": 8, "height": 4, "concurrency": 3, "version": "2"})
    assert resolved == {"width": 8, "height": 4, "version": "2"}
    assert one.picture_size(resolved) == (8, 4)
    assert one.picture_size({}) is None
    assert one.suggested_batch_size(resolved) == 3
    with pytest.raises(InputError, match="width must be a whole number"):
        one.resolve_settings({"width": "wide"})
    with pytest.raises(InputError, match="key_env must name"):
        one.resolve_settings({"key_env": "NOT_SET_ANYWHERE"})
    monkeypatch.setenv("MY_KEY", "hush-hush")
    image_server.script["a cat"] = ["key"]
    with pytest.raises(InputError, match=r"\[key\]") as raised:
        ask(image_server, ["a cat"], key_env="MY_KEY")
    assert "hush-hush" not in str(raised.value)
    assert image_server.calls[-1][2]["Authorization"] == "Bearer hush-hush"


def test_addresses(image_server) -> None:
    assert HttpsModel(ModelOptions("//host/x"))._url == "https://host/x"
    assert HttpModel(ModelOptions("https://host/x"))._url == "https://host/x"
    with pytest.raises(InputError, match="http://HOST/PATH"):
        HttpModel(ModelOptions("host"))
    with pytest.raises(InputError, match="--offline forbids"):
        HttpModel(ModelOptions("//host/x", offline=True)).identity()


STEPS = ["ok", "busy", "broken", "reset", "drop", "garbage", "file", "file broken", "flagged", "refuse"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(STEPS), max_size=4), min_size=1, max_size=6), st.integers(1, 4))
def test_nothing_is_lost_or_doubled(
    image_server, colour: Colour, scripts: list[list[str]], concurrency: int
) -> None:
    prompts = [f"prompt {i} of {scripts}" for i in range(len(scripts))]
    image_server.script = dict(zip(prompts, scripts, strict=True))
    image_server.calls.clear()
    results = ask(image_server, prompts, concurrency=concurrency, retries=2, backoff=0.001)
    for prompt, result in zip(prompts, results, strict=True):
        assert shown(result) in (colour(prompt), "filtered", "error")
        assert 1 <= image_server.asked(prompt) <= 3
