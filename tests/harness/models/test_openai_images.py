"""The adapter for image endpoints, against a real server that refuses, throttles, hangs and breaks."""

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.models.openai_images import OpenAIModel
from harness.models.registry import ModelOptions
from harness.run import main
from harness.types import Drawn, Failure, Request

KEY = "sk-very-secret-0123456789"
QUICK = {"backoff": 0.01, "timeout": 0.5, "price_per_image": 0.04}
Colour = Callable[[str], tuple[int, int, int]]


@pytest.fixture(autouse=True)
def key(image_server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ask(server, prompts: list[str], **given: object) -> list[Drawn | Failure]:
    one = OpenAIModel(ModelOptions("painter-1"))
    resolved = one.resolve_settings({"base_url": f"{server.url}/v1", **QUICK, **given})
    one.identity()
    return one.generate([Request(Prompt(str(i), text), 0, i, resolved) for i, text in enumerate(prompts)])


def shown(result: Drawn | Failure) -> tuple[int, ...] | str:
    """A picture's colour, or a failure's status."""
    if isinstance(result, Failure):
        return result.status
    return tuple(int(value) for value in np.asarray(result.picture)[0, 0])


def test_what_is_sent_and_what_comes_back(image_server, colour: Colour) -> None:
    given = {"size": "8x8", "quality": "high", "guidance_scale": 3, "body": {"safety": "low"}}
    results = ask(image_server, ["a cat"], send_seed=True, response_format="b64_json", **given)
    assert [shown(result) for result in results] == [colour("a cat")]
    assert results[0].cost == 0.04
    ((method, path, headers, body, _),) = image_server.calls
    assert (method, path) == ("POST", "/v1/images/generations")
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "painter-1", "prompt": "a cat", "n": 1, "size": "8x8", "quality": "high", "seed": 0,
        "guidance_scale": 3, "safety": "low", "response_format": "b64_json",
    }  # fmt: skip


@pytest.mark.parametrize("step", ["address", "data address", "flaky address", "moved address"])
def test_pictures_by_address_are_fetched_without_the_key(step: str, image_server, colour: Colour) -> None:
    image_server.script["a cat"] = [step]
    (result,) = ask(image_server, ["a cat"])
    assert shown(result) == colour("a cat")
    assert image_server.asked("a cat") == 1
    assert image_server.billed == 1
    assert all("Authorization" not in h for method, _, h, *_ in image_server.calls if method == "GET")


@pytest.mark.parametrize(
    ("step", "calls", "billed"),
    [
        ("busy", 2, 1),
        ("broken", 2, 1),
        ("down", 2, 1),
        ("hang", 2, 1),
        ("reset", 2, 1),
        ("drop", 2, 2),
        ("drip", 2, 2),
        ("garbage", 2, 2),
        ("nothing", 2, 2),
        ("no base64", 2, 2),
        ("no picture", 2, 2),
        ("gone address", 2, 2),
        ("file address", 2, 2),
    ],
)
def test_what_passes_is_tried_again_and_what_was_billed_is_counted(
    step: str, calls: int, billed: int, image_server, colour: Colour
) -> None:
    image_server.script["a cat"] = [step]
    results = ask(image_server, ["a cat", "a dog"], retries=2)
    assert [shown(result) for result in results] == [colour("a cat"), colour("a dog")]
    assert image_server.asked("a cat") == calls
    assert image_server.asked("a dog") == 1
    assert results[0].cost == pytest.approx(0.04 * billed)
    names = [h["Idempotency-Key"] for _, _, h, body, _ in image_server.calls if body.get("prompt") == "a cat"]
    assert len(set(names)) == 1


@pytest.mark.parametrize(
    ("step", "calls", "reason"),
    [
        ("busy", 4, "status 429: slow down (tried 4 times)"),
        ("down", 4, "status 503: overloaded (tried 4 times)"),
        ("reset", 4, "the connection broke (RemoteDisconnected) (tried 4 times)"),
        ("drop", 2, "the connection broke (IncompleteRead) (tried 2 times)"),
        ("garbage", 2, "the answer holds no picture (tried 2 times)"),
        ("no picture", 2, "the answer's picture is broken: not a picture in a known format (tried 2 times)"),
    ],
)
def test_what_never_passes_is_an_error_of_that_sample_alone(
    step: str, calls: int, reason: str, image_server, colour: Colour
) -> None:
    """What has to be paid for is tried twice and no more."""
    image_server.script["a cat"] = [step] * 9
    failed, drawn = ask(image_server, ["a cat", "a dog"], retries=3)
    assert isinstance(failed, Failure)
    assert (failed.status, failed.reason) == ("error", reason)
    assert shown(drawn) == colour("a dog")
    assert image_server.asked("a cat") == calls
    paid = image_server.billed - 1
    assert failed.cost == (pytest.approx(0.04 * paid) if paid else None)


def test_refusals_of_the_content_policy_are_filtered_and_not_tried_again(image_server) -> None:
    image_server.script["a cat"] = ["refuse"]
    (refused,) = ask(image_server, ["a cat"])
    reason = "status 400: Your request was rejected by our safety system."
    assert refused == Failure("filtered", reason)
    assert image_server.asked("a cat") == 1


def test_other_faults_of_one_prompt_are_its_error(image_server, colour: Colour) -> None:
    image_server.script["a cat"] = ["too long"]
    failed, drawn = ask(image_server, ["a cat", "a dog"])
    assert failed == Failure("error", "status 400: the prompt is too long")
    assert shown(drawn) == colour("a dog")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("key", r"the key in \$OPENAI_API_KEY is refused"),
        ("model", "has no model 'painter-1'"),
        ("quota", "nothing left to pay with"),
        ("size", "does not take this 'size'"),
        ("redirect", "redirects elsewhere"),
    ],
)
def test_refusals_of_every_request_end_the_run_in_one_line(step: str, message: str, image_server) -> None:
    image_server.script = {"a cat": [step], "a dog": [step]}
    with pytest.raises(InputError, match=message) as raised:
        ask(image_server, ["a cat", "a dog"])
    assert KEY not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_was_paid_for_is_not_given_up_for_anothers_refusal(image_server, colour: Colour) -> None:
    image_server.script["a cat"] = ["key"]
    failed, drawn = ask(image_server, ["a cat", "a dog"])
    assert shown(drawn) == colour("a dog")
    assert isinstance(failed, Failure)
    assert failed.status == "error"
    assert KEY not in failed.reason
    assert "[key]" in failed.reason


def test_rewritten_prompts_and_pictures_beyond_one_are_noted(image_server) -> None:
    image_server.script = {"a cat": ["rewritten"], "a dog": ["two"]}
    rewritten, two = ask(image_server, ["a cat", "a dog"])
    assert isinstance(rewritten, Drawn)
    assert isinstance(two, Drawn)
    assert rewritten.notes == ("prompt rewritten by the endpoint", "as: a nicer picture")
    assert two.notes == ("the endpoint gave 2 pictures for one; the first was kept",)


def test_cost_by_tokens_as_told_and_unknown(image_server) -> None:
    def cost(**prices: object) -> float | None:
        return ask(image_server, ["a cat"], **{"price_per_image": None, **prices})[0].cost

    assert cost() == 0.25
    assert cost(price_per_million_output_tokens=40) == pytest.approx(0.04)
    assert cost(price_per_million_input_tokens=5, price_per_million_output_tokens=40) == pytest.approx(
        0.04005
    )
    image_server.script["a cat"] = ["refuse"] * 9
    assert cost() is None


def test_calls_side_by_side_are_limited_in_number_and_rate(image_server) -> None:
    prompts = [f"prompt {i}" for i in range(12)]
    ask(image_server, prompts, concurrency=3)
    assert 1 < image_server.most_at_once <= 3
    image_server.calls.clear()
    ask(image_server, prompts[:6], concurrency=6, requests_per_minute=1200)
    moments = sorted(call[-1] for call in image_server.calls)
    assert moments[-1] - moments[0] >= 5 * 0.05 * 0.8


def test_everyone_waits_where_the_server_asks_to(image_server) -> None:
    """After the refusal of one, no call comes for as long as its Retry-After says."""
    image_server.script["prompt 0"] = ["busy"]
    ask(image_server, [f"prompt {i}" for i in range(30)], concurrency=2)
    moments = sorted(call[-1] for call in image_server.calls)
    assert max(later - earlier for earlier, later in pairwise(moments)) >= 0.15
    assert image_server.billed == 30


def test_settings_and_identity(image_server, monkeypatch: pytest.MonkeyPatch) -> None:
    one = OpenAIModel(ModelOptions("painter-1"))
    given = {"size": "512x256", "base_url": f"{image_server.url}/v1/", "concurrency": 7, **QUICK}
    resolved = one.resolve_settings(given)
    assert resolved["size"] == "512x256"
    assert not {"base_url", "concurrency", *QUICK} & set(resolved)
    assert one.picture_size(resolved) == (512, 256)
    assert one.picture_size({"size": "auto"}) is None
    assert one.suggested_batch_size(resolved) == 7
    assert one.identity() == {
        "name": "openai-painter-1", "version": 1, "model": "painter-1", "address": f"{image_server.url}/v1",
        "seed": "none: the endpoint is given no seed",
    }  # fmt: skip
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v2")
    one.resolve_settings({"send_seed": True})
    assert (one.identity()["address"], one.identity()["seed"]) == (
        "http://127.0.0.1:9/v2",
        "sent with each request",
    )
    assert KEY not in json.dumps(one.identity())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"colour": "red"}, "no setting 'colour'; it has: .*price_per_image"),
        ({"size": "large"}, "size must be WIDTHxHEIGHT or auto"),
        ({"size": 512}, "size must be text"),
        ({"send_seed": 1}, "send_seed must be true or false"),
        ({"body": [1]}, "body must be a JSON object"),
        ({"body": {"n": 4}}, "body may not hold 'n'"),
        ({"response_format": "jpeg"}, "response_format must be"),
        ({"price_per_image": -1}, "price_per_image must be at least 0"),
        ({"concurrency": 0}, "concurrency must be a whole number of at least 1"),
        ({"retries": -1}, "retries must be a whole number of at least 0"),
        ({"timeout": 0}, r"timeout must be at least 0.001"),
        ({"requests_per_minute": "many"}, "requests_per_minute must be a finite number"),
        ({"key_env": "NOT_SET_ANYWHERE"}, r"\$NOT_SET_ANYWHERE is not set"),
        ({"base_url": "somewhere"}, "give an address"),
        ({"base_url": 5}, "base_url must be text"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        OpenAIModel(ModelOptions("painter-1")).resolve_settings(given)


def test_what_is_missing_is_said_before_anything_is_asked(
    image_server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="openai:MODEL"):
        OpenAIModel(ModelOptions())
    with pytest.raises(InputError, match="--offline forbids"):
        OpenAIModel(ModelOptions("painter-1", offline=True)).identity()
    monkeypatch.setenv("OPENAI_API_KEY", "two words")
    with pytest.raises(InputError, match="characters that no key has") as raised:
        OpenAIModel(ModelOptions("painter-1"))
    assert "words" not in str(raised.value)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match=r"set \$OPENAI_API_KEY"):
        OpenAIModel(ModelOptions("painter-1")).identity()
    (drawn,) = ask(image_server, ["a cat"])
    assert isinstance(drawn, Drawn)
    assert "Authorization" not in image_server.calls[0][2]


STEPS = ["ok", "busy", "broken", "reset", "drop", "garbage", "no picture", "refuse", "two", "large"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(STEPS), max_size=4), min_size=1, max_size=6), st.integers(1, 4))
def test_nothing_is_lost_or_doubled_and_every_bill_is_in_the_books(
    image_server, colour: Colour, scripts: list[list[str]], concurrency: int
) -> None:
    prompts = [f"prompt {i} of {scripts}" for i in range(len(scripts))]
    image_server.script = dict(zip(prompts, scripts, strict=True))
    image_server.calls.clear()
    image_server.billed = 0
    results = ask(image_server, prompts, concurrency=concurrency, retries=2, backoff=0.001)
    assert len(results) == len(prompts)
    for prompt, result in zip(prompts, results, strict=True):
        assert shown(result) in (colour(prompt), "filtered", "error")
    assert sum(result.cost or 0.0 for result in results) == pytest.approx(0.04 * image_server.billed)


def test_the_main_command_keeps_books_and_no_key(
    image_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each failure has its status, each answer of the server its price, and a second run asks nothing."""
    monkeypatch.chdir(tmp_path)
    prompts = ["a cat", "a dog", "a cow", "a fish", "a bird", "a fox"]
    Path("p.txt").write_text("\n".join(prompts) + "\n", encoding="utf-8")
    steps = [["busy"], ["refuse"], ["large"], ["garbage", "garbage"], ["drop"], ["hang", "rewritten"]]
    image_server.script = dict(zip(prompts, steps, strict=True))
    command = ["--model", "openai:painter-1", "--bench", "file:p.txt", "--no-score", "--json"]
    for name, value in ({"base_url": image_server.url, "size": "8x8"} | QUICK).items():
        command += ["--set", f"{name}={value}"]
    assert main(command) == 0
    printed = capfd.readouterr()
    summary = json.loads(printed.out)
    counts = {name: count for name, count in summary["counts"].items() if count}
    assert counts == {"planned": 6, "ok": 3, "filtered": 1, "wrong_size": 1, "error": 1}
    assert summary["cost"] == pytest.approx(0.04 * image_server.billed)
    assert image_server.billed == 7
    assert summary["sample_notes"]["prompt rewritten by the endpoint"] == 1
    (folder,) = Path("results").iterdir()
    for path in folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert KEY not in printed.out + printed.err
    asked = len(image_server.calls)
    assert main(command) == 0
    assert json.loads(capfd.readouterr().out)["cost"] == summary["cost"]
    assert len(image_server.calls) == asked
    image_server.script = {prompt: ["key"] * 9 for prompt in prompts}
    image_server.calls.clear()
    started = time.monotonic()
    assert main([*command, "--seed", "1"]) == 2
    printed = capfd.readouterr()
    assert printed.err.splitlines()[-1].startswith("error: openai: the key in $OPENAI_API_KEY is refused")
    assert KEY not in printed.out + printed.err
    assert time.monotonic() - started < 20
