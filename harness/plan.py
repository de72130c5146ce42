"""What a run will ask: which prompts, how often, with which seeds and settings, and under which name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from drawbench.errors import InputError
from drawbench.types import Bench, Prompt
from harness.seeds import sample_seed
from harness.shard import Shard
from harness.types import Request, canonical_json

Place = TypeVar("Place")

_SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Plan:
    """All that is asked in a run.

    `prompts` are those chosen under `limit` (None: all), in the bench's order. `settings` are complete:
    the model has filled in its defaults. `shard` is the part of it that this run makes; None is all.
    """

    bench: Bench
    prompts: tuple[Prompt, ...]
    samples_per_prompt: int
    limit: int | None
    seed: int
    settings: Mapping[str, Any]
    shard: Shard | None = None

    @property
    def places(self) -> Iterator[tuple[Prompt, int]]:
        """Prompt and index of each sample, prompt by prompt."""
        places = ((prompt, index) for prompt in self.prompts for index in range(self.samples_per_prompt))
        return in_shard(places, self.shard)

    @property
    def requests(self) -> tuple[Request, ...]:
        """One request a sample, in the order of `places`."""
        return tuple(self.request(prompt, index) for prompt, index in self.places)

    @property
    def planned(self) -> int:
        """How many samples there are."""
        whole = len(self.prompts) * self.samples_per_prompt
        return whole if self.shard is None else self.shard.size(whole)

    def request(self, prompt: Prompt, index: int, attempt: int = 0) -> Request:
        """The request for one sample; `attempt` above 0 asks for it with other noise."""
        seed = sample_seed(self.seed, prompt.id, index, attempt)
        return Request(prompt=prompt, index=index, seed=seed, settings=self.settings)

    def configuration(self, model_identity: Mapping[str, Any]) -> dict[str, Any]:
        """All that changes a picture or the question. Runs of equal configurations share a folder.

        A run of all samples has no field `shard`, so its hash is the same in versions without shards.
        """
        return {
            "model": dict(model_identity),
            "bench": {"name": self.bench.name, "version": self.bench.version, "digest": self.bench.digest},
            "settings": dict(self.settings),
            "seed": self.seed,
            "samples_per_prompt": self.samples_per_prompt,
            "limit": self.limit,
            **({} if self.shard is None else {"shard": str(self.shard)}),
        }


def make_plan(
    bench: Bench,
    *,
    settings: Mapping[str, Any],
    seed: int = 0,
    limit: int | None = None,
    samples_per_prompt: int | None = None,
    shard: Shard | None = None,
) -> Plan:
    """The plan of a run over `bench`. A `limit` that leaves nothing out counts as none.

    Raises InputError where the bench has no prompts, two of one id, an id that is no file name, or a prompt
    that JSON cannot hold (NaN, broken Unicode).
    """
    if not bench.prompts:
        raise InputError(f"bench {bench.name} has no prompts")
    seen: set[str] = set()
    for prompt in bench.prompts:
        if not _SAFE_ID.fullmatch(prompt.id):
            raise InputError(f"bench {bench.name}: prompt id {prompt.id!r} cannot be a file name")
        if prompt.id in seen:
            raise InputError(f"bench {bench.name}: two prompts have the id {prompt.id!r}")
        seen.add(prompt.id)
        try:
            canonical_json([prompt.text, prompt.category, dict(prompt.meta)]).encode()
        except (TypeError, ValueError) as error:
            raise InputError(f"bench {bench.name}, prompt {prompt.id}: not plain JSON: {error}") from error
    if limit is not None and limit >= len(bench.prompts):
        limit = None
    return Plan(
        bench=bench,
        prompts=choose_prompts(bench.prompts, limit),
        samples_per_prompt=samples_per_prompt or bench.samples_per_prompt,
        limit=limit,
        seed=seed,
        settings=dict(settings),
        shard=shard,
    )


def in_shard(places: Iterable[Place], shard: Shard | None) -> Iterator[Place]:
    """Those of a plan's places that belong to the shard, in order; all of them without a shard."""
    return iter(places) if shard is None else islice(iter(places), shard.number - 1, None, shard.count)


def choose_prompts(prompts: Sequence[Prompt], limit: int | None) -> tuple[Prompt, ...]:
    """`limit` of the prompts, spread over the categories; all where it is None.

    The categories take turns, in order of first appearance, each giving its next prompt, until `limit` are
    chosen. The result keeps the order of `prompts`. A smaller limit chooses a part of a larger one's choice.
    """
    if limit is None or limit >= len(prompts):
        return tuple(prompts)
    places: dict[str, int] = {}
    turns: list[tuple[int, int]] = []
    first_seen = list(dict.fromkeys(prompt.category for prompt in prompts))
    rank = {category: number for number, category in enumerate(first_seen)}
    for prompt in prompts:
        places[prompt.category] = places.get(prompt.category, -1) + 1
        turns.append((places[prompt.category], rank[prompt.category]))
    chosen = sorted(range(len(prompts)), key=lambda i: turns[i])[:limit]
    return tuple(prompts[i] for i in sorted(chosen))


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """sha256 over the configuration; hexadecimal."""
    return hashlib.sha256(canonical_json(configuration).encode()).hexdigest()


def run_name(configuration: Mapping[str, Any]) -> str:
    """`<model>__<bench>__<settings>__<hash8>`: the first three for the eye, the last says all."""
    settings = configuration["settings"]
    label = [f"seed{configuration['seed']}"]
    if configuration["samples_per_prompt"] > 1:
        label.append(f"x{configuration['samples_per_prompt']}")
    if "shard" in configuration:
        label.append("shard" + configuration["shard"].replace("/", "of"))
    if configuration["limit"] is not None:
        label.append(f"limit{configuration['limit']}")
    if settings.get("guidance_scale") is not None:
        label.insert(0, f"w{settings['guidance_scale']:g}")
    if settings.get("stages") is not None:
        label.insert(0, f"{settings['stages']}px")
    names = [
        str(configuration["model"].get("name", "model")),
        configuration["bench"]["name"],
        "-".join(label),
    ]
    return "__".join([*map(_slug, names), configuration_hash(configuration)[:8]])


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:48] or "x"
