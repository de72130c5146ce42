"""`openai:MODEL`: any endpoint that speaks OpenAI's `POST BASE/images/generations`.

The key is read from the environment variable OPENAI_API_KEY, or that of the setting `key_env`, and is written
nowhere. The address is the setting `base_url`, or $OPENAI_BASE_URL, or OpenAI's own; an address of one's own
needs no key.

Settings that change pictures: `size` (WIDTHxHEIGHT or auto), `quality`, `style`, `background`, `moderation`,
`guidance_scale`, `send_seed` (true sends each sample's seed, modulo 2^32), `body` (a JSON object with further
fields of the request) and `version` (any text, to tell runs apart). Fields that are not given are not sent.

Settings that do not: `response_format` (b64_json or url), those of `harness.models.calls`, and prices:
`price_per_image`, or `price_per_million_input_tokens` and `price_per_million_output_tokens` where tokens are
counted. Without prices, a `usage.cost` in the answer counts.

Each sample is a call of its own with n = 1, so that it has its own failure, its own cost and its own retries.
What a content policy refuses is "filtered". A refusal that every request would meet (the key, the model, the
quota, a setting) ends the run with one line; what was drawn by then is kept.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drawbench.errors import InputError
from harness.decode import PictureError, RgbImage, decode_rgb
from harness.models.calls import LIMIT_NAMES, Again, Caller, CallLimits, Refused, added, take_limits
from harness.models.registry import ModelOptions
from harness.models.settings import fill_settings, number
from harness.models.web import Answer, WebError, check_reachable_offline, checked_url, exchange
from harness.types import Drawn, Failure, Request

OWN_ADDRESS = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
ADDRESS_VARIABLE = "OPENAI_BASE_URL"
DEFAULTS: Mapping[str, Any] = {
    "size": None,
    "quality": None,
    "style": None,
    "background": None,
    "moderation": None,
    "guidance_scale": None,
    "send_seed": False,
    "body": None,
    "version": None,
}
_SENT = ("size", "quality", "style", "background", "moderation", "guidance_scale")
_PRICES = ("price_per_image", "price_per_million_input_tokens", "price_per_million_output_tokens")
_OTHER = ("base_url", "key_env", "response_format", *_PRICES)
_FILTERED_CODES = {
    "content_policy_violation", "moderation_blocked", "content_filter", "contentfilter",
    "responsibleaipolicyviolation", "safety_violation",
}  # fmt: skip
_FILTERED_WORDS = re.compile(r"content policy|safety system|content management policy", re.I)
_SPENT_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_BUSY = (408, 409, 425, 429)


@dataclass(frozen=True, slots=True)
class _Service:
    """Where and how the endpoint is called. Prices are in one currency, per picture or per million tokens."""

    address: str
    key: str | None
    key_variable: str
    response_format: str | None
    price_per_image: float | None
    price_per_million_input_tokens: float | None
    price_per_million_output_tokens: float | None


class OpenAIModel:
    """Asks an image endpoint for each sample. Raises InputError where no model is named."""

    def __init__(self, options: ModelOptions) -> None:
        if not options.argument:
            raise InputError("model openai needs a model's name: --model openai:MODEL")
        self._model = options.argument
        self._offline = options.offline
        self._service = self._find_service({})
        self._caller = Caller(CallLimits())
        self._sends_seed = False

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings that change pictures, complete. The others are kept here, and in no sample's key."""
        limits, rest = take_limits("openai", given)
        if unknown := [name for name in rest if name not in (*DEFAULTS, *_OTHER)]:
            known = ", ".join(sorted((*DEFAULTS, *_OTHER, *LIMIT_NAMES)))
            raise InputError(f"model openai has no setting {unknown[0]!r}; it has: {known}")
        self._caller = Caller(limits)
        self._service = self._find_service(rest)
        settings = fill_settings("openai", DEFAULTS, {n: v for n, v in rest.items() if n not in _OTHER})
        _check_settings(settings)
        self._sends_seed = settings["send_seed"]
        return settings

    def identity(self) -> Mapping[str, Any]:
        """Model and address. Raises InputError where the key is missing or the network is forbidden."""
        check_reachable_offline("openai", self._service.address, offline=self._offline)
        if self._service.key is None and self._service.address == OWN_ADDRESS:
            raise InputError(
                f"model openai needs a key: set ${self._service.key_variable}, or give the address of a "
                "server that needs none with --set base_url=ADDRESS"
            )
        seed = "sent with each request" if self._sends_seed else "none: the endpoint is given no seed"
        return {
            "name": f"openai-{self._model}",
            "version": 1,
            "model": self._model,
            "address": self._service.address,
            "seed": seed,
        }

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int] | None:
        return _size(settings["size"])

    def price(self, settings: Mapping[str, Any]) -> float | None:
        """US dollars a picture, as far as `price_per_image` says it."""
        return self._service.price_per_image

    def suggested_batch_size(self, settings: Mapping[str, Any]) -> int:
        """As many as are asked for at a time, so that a killed run loses no more than those."""
        return self._caller.limits.concurrency

    def generate(self, requests: Sequence[Request]) -> list[Drawn | Failure]:
        return self._caller.in_parallel(self._ask, requests)

    def _find_service(self, given: Mapping[str, Any]) -> _Service:
        texts = {name: given.get(name) for name in ("base_url", "key_env", "response_format")}
        for name, value in texts.items():
            if value is not None and not isinstance(value, str):
                raise InputError(f"openai: {name} must be text")
        address = texts["base_url"] or os.environ.get(ADDRESS_VARIABLE) or OWN_ADDRESS
        variable = texts["key_env"] or KEY_VARIABLE
        key = (os.environ.get(variable) or "").strip() or None
        if key is not None and not re.fullmatch(r"[\x21-\x7e]+", key):
            raise InputError(f"openai: the key in ${variable} has characters that no key has")
        if texts["key_env"] and key is None:
            raise InputError(f"openai: ${variable} is not set; key_env names the variable that holds the key")
        if texts["response_format"] not in (None, "b64_json", "url"):
            raise InputError("openai: response_format must be b64_json or url")
        prices = {
            name: None if given.get(name) is None else number("openai", name, given[name], low=0.0)
            for name in _PRICES
        }
        return _Service(checked_url("openai", address), key, variable, texts["response_format"], **prices)

    def _ask(self, request: Request) -> Drawn | Failure:
        # One name for all tries of a request: a server that knows the header draws, and bills, once.
        once = uuid.uuid4().hex
        tried = self._caller.try_until_done(lambda: self._attempt(request, once))
        if tried.value is None:
            return Failure("error", tried.reason, tried.cost)
        result, cost = tried.value, added(tried.cost, tried.value.cost)
        if isinstance(result, Failure):
            return Failure(result.status, result.reason, cost)
        return Drawn(result.picture, result.notes, cost)

    def _attempt(self, request: Request, once: str) -> Drawn | Failure:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": once}
        if self._service.key:
            headers["Authorization"] = f"Bearer {self._service.key}"
        try:
            answer = exchange(
                _images_address(self._service.address),
                body=json.dumps(self._body(request)).encode(),
                headers=headers,
                timeout=self._caller.limits.timeout,
            )
        except WebError as error:
            price = self._service.price_per_image if error.begun else None
            raise Again(str(error), paid=error.begun, cost=price) from None
        if answer.status == 200:
            return self._picture(answer)
        return self._refusal(answer)

    def _body(self, request: Request) -> dict[str, Any]:
        settings = request.settings
        body: dict[str, Any] = {"model": self._model, "prompt": request.prompt.text, "n": 1}
        body |= {name: settings[name] for name in _SENT if settings.get(name) is not None}
        if self._service.response_format:
            body["response_format"] = self._service.response_format
        if settings.get("send_seed"):
            body["seed"] = request.seed % 2**32
        return body | (settings.get("body") or {})

    def _picture(self, answer: Answer) -> Drawn:
        """The picture in an answer of status 200, which is paid for whatever it holds."""
        cost = self._service.price_per_image
        try:
            content = json.loads(answer.body)
            cost = self._cost(content)
            entries = [entry for entry in content["data"] if isinstance(entry, dict)]
            first = entries[0]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            raise Again("the answer holds no picture", paid=True, cost=cost) from None
        notes = []
        if len(entries) > 1:
            notes.append(f"the endpoint gave {len(entries)} pictures for one; the first was kept")
        if isinstance(first.get("revised_prompt"), str) and first["revised_prompt"].strip():
            notes += ["prompt rewritten by the endpoint", f"as: {first['revised_prompt'].strip()[:1000]}"]
        try:
            if isinstance(first.get("b64_json"), str):
                picture = decode_rgb(base64.b64decode(first["b64_json"], validate=False))
            elif isinstance(first.get("url"), str):
                picture = self._fetched(first["url"])
            else:
                raise Again("the answer holds no picture", paid=True, cost=cost)
        except (PictureError, binascii.Error) as error:
            raise Again(f"the answer's picture is broken: {error}", paid=True, cost=cost) from None
        return Drawn(picture, tuple(notes), cost)

    def _fetched(self, url: str) -> RgbImage:
        """The picture behind an address in an answer. It is paid for, so the fetching alone is repeated."""
        if url.startswith("data:"):
            return decode_rgb(base64.b64decode(url.partition(",")[2]))

        def fetch() -> RgbImage:
            try:
                answer = exchange(
                    checked_url("openai", url), timeout=self._caller.limits.timeout, follow=True
                )
            except (WebError, InputError) as error:
                raise Again(str(error)) from None
            if answer.status != 200:
                raise Again(f"its address answers with status {answer.status}")
            return decode_rgb(answer.body)

        tried = self._caller.try_until_done(fetch, paced=False)
        if tried.value is None:
            raise PictureError(tried.reason)
        return tried.value

    def _cost(self, content: Mapping[str, Any]) -> float | None:
        service, usage = self._service, content.get("usage")
        if service.price_per_image is not None:
            return service.price_per_image
        if not isinstance(usage, dict):
            return None
        rates = (service.price_per_million_input_tokens, service.price_per_million_output_tokens)
        if any(rate is not None for rate in rates):
            tokens = [usage.get(name) for name in ("input_tokens", "output_tokens")]
            counts = [count if isinstance(count, int) and count >= 0 else 0 for count in tokens]
            return sum(count * (rate or 0.0) / 1e6 for count, rate in zip(counts, rates, strict=True))
        told = usage.get("cost")
        if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told < math.inf:
            return None
        return float(told)

    def _refusal(self, answer: Answer) -> Failure:
        """What an answer of another status than 200 means. Raises Again and Refused."""
        code, message, field = self._error_of(answer)
        told = f"status {answer.status}: {message}" if message else f"status {answer.status}"
        setting = field if "prompt" not in field else ""
        worded = answer.status in (400, 403) and not setting and _FILTERED_WORDS.search(message)
        if code in _FILTERED_CODES or worded:
            return Failure("filtered", told)
        if answer.status == 402 or code in _SPENT_CODES:
            raise Refused(f"openai: there is nothing left to pay with ({told})")
        if answer.status in _BUSY or answer.status >= 500:
            raise Again(told, wait=answer.retry_after)
        if answer.status in (401, 403):
            raise Refused(f"openai: the key in ${self._service.key_variable} is refused ({told})")
        if answer.status in (404, 405) or code in ("model_not_found", "invalid_model"):
            raise Refused(
                f"openai: {self._service.address} has no model {self._model!r}, or draws no pictures ({told})"
            )
        if answer.status < 400:
            raise Refused(
                f"openai: {self._service.address} redirects elsewhere; give that as base_url ({told})"
            )
        if answer.status in (400, 422) and setting:
            raise Refused(f"openai: the endpoint does not take this {setting!r} ({told})")
        return Failure("error", told)

    def _error_of(self, answer: Answer) -> tuple[str, str, str]:
        """Code, message and field of an error answer; texts that echo the key are cleared of it."""
        try:
            error = json.loads(answer.body)["error"]
            error = {"message": error} if isinstance(error, str) else dict(error)
        except (ValueError, KeyError, TypeError, RecursionError):
            error = {}
        code, message, field = (
            str(error.get(name) or "").replace(self._service.key or "\0", "[key]")
            for name in ("code", "message", "param")
        )
        return code.lower(), " ".join(message.split())[:300], field[:60]


def _images_address(address: str) -> str:
    path, question, query = address.partition("?")
    return f"{path}/images/generations{question}{query}"


def _check_settings(settings: Mapping[str, Any]) -> None:
    for name in ("size", "quality", "style", "background", "moderation", "version"):
        if settings[name] is not None and not isinstance(settings[name], str):
            raise InputError(f"openai: {name} must be text, not {settings[name]!r}")
    if settings["size"] not in (None, "auto") and _size(settings["size"]) is None:
        raise InputError(f"openai: size must be WIDTHxHEIGHT or auto, not {settings['size']!r}")
    if type(settings["send_seed"]) is not bool:
        raise InputError("openai: send_seed must be true or false")
    if settings["body"] is not None and not isinstance(settings["body"], dict):
        raise InputError("openai: body must be a JSON object")
    if kept := sorted({"model", "prompt", "n", "response_format"} & set(settings["body"] or ())):
        raise InputError(f"openai: body may not hold {kept[0]!r}")


def _size(text: str | None) -> tuple[int, int] | None:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text or "")
    return (int(found[1]), int(found[2])) if found else None
