"""Does a run folder hold what it says? Recomputes what can be recomputed and names what does not fit.

Everything is read, nothing is written. A check holds, fails, or could not be made here (the model is not on
this machine, say); the last is no failure, but it is shown.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.ledger import read_ledger
from harness.manifest import (
    configuration_of,
    first_difference,
    manifest_prompts,
    manifest_reference,
    read_manifest,
)
from harness.plan import configuration_hash
from harness.progress import Progress
from harness.seeds import sample_seed
from harness.summary import SUMMARY_NAME, build_summary, planned_samples, read_summary
from harness.types import Request, Sample

ATTEMPTS = 64
SHOWN = 5
Verdict = Literal["holds", "fails", "unchecked"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check over `n` things. `problems` has one line for each that does not fit, or, for
    a check that was not made, the reason."""

    check: str
    verdict: Verdict
    n: int
    problems: tuple[str, ...] = ()


def finding(check: str, n: int, problems: Sequence[str]) -> Finding:
    """Holds where there are no problems."""
    return Finding(check, "fails" if problems else "holds", n, tuple(problems))


def verify_folder(run_dir: Path, progress: Progress, *, decode: bool = True) -> Iterator[Finding]:
    """The checks that need nothing but the folder: configuration, prompts, ledger, pictures, summary.

    Without `decode` pictures are hashed alone, which takes a tenth of the time. Raises InputError where the
    folder is no run or its files are malformed.
    """
    manifest = read_manifest(run_dir)
    lines = read_ledger(run_dir)
    prompts = {prompt.id: prompt for prompt in manifest_prompts(manifest)}
    yield _configuration(manifest)
    yield _prompts(manifest, tuple(prompts.values()))
    yield finding("ledger", len(lines), list(_ledger_problems(manifest, prompts, lines)))
    samples = planned_samples(manifest, lines)
    yield finding("pictures", len(samples), list(_picture_problems(run_dir, samples, progress, decode)))
    yield _summary(run_dir, manifest, lines)


def some_of(samples: Sequence[Sample], share: float, seed: int) -> list[Sample]:
    """A random `share` (0..1) of the samples that have a picture, at least one, in the given order."""
    good = [sample for sample in samples if sample.status == "ok"]
    count = min(len(good), max(1, math.ceil(share * len(good)))) if share > 0 else 0
    drawn = np.random.default_rng(seed).permutation(len(good))[:count]
    return [good[place] for place in sorted(drawn)]


def request_of(sample: Sample, prompt: Prompt, manifest: Mapping[str, Any]) -> Request:
    """The request that the sample's ledger line answers."""
    return Request(prompt, sample.index, sample.seed, manifest["settings"])


def _configuration(manifest: Mapping[str, Any]) -> Finding:
    actual = configuration_hash(configuration_of(manifest))
    stated = manifest["run_hash"]
    problems = [] if actual == stated else [f"run_hash is {stated[:12]}, its configuration's {actual[:12]}"]
    return finding("configuration", 1, problems)


def _prompts(manifest: Mapping[str, Any], prompts: Sequence[Prompt]) -> Finding:
    """The bench's digest, from the manifest where that has the whole bench, else from the bench itself."""
    from drawbench.types import Bench

    stated = manifest["bench"]
    if stated.get("prompts_in_bench") != len(prompts):
        return _against_bench(manifest, prompts)
    for samples in dict.fromkeys((manifest["samples_per_prompt"], 1, 4, 8)):
        bench = Bench(
            stated["name"], stated["version"], tuple(prompts), samples, manifest_reference(manifest)
        )
        if bench.digest == stated["digest"]:
            return finding("prompts", len(prompts), ())
    return finding("prompts", len(prompts), ["the prompts are not those of the bench's digest"])


def _against_bench(manifest: Mapping[str, Any], prompts: Sequence[Prompt]) -> Finding:
    from drawbench.options import BenchOptions
    from drawbench.registry import load_bench

    stated = manifest["bench"]
    try:
        bench = load_bench(stated["spec"], BenchOptions(offline=True))
    except InputError as error:
        return Finding("prompts", "unchecked", len(prompts), (f"the bench is not here: {error}",))
    if bench.digest != stated["digest"]:
        why = f"only a part of the bench was asked, and bench {stated['spec']!r} is another one here"
        return Finding("prompts", "unchecked", len(prompts), (why,))
    known = {prompt.id: prompt for prompt in bench.prompts}
    wrong = [p.id for p in prompts if p.id not in known or known[p.id].text != p.text]
    return finding("prompts", len(prompts), [f"{name}: not the bench's prompt" for name in wrong])


def _ledger_problems(
    manifest: Mapping[str, Any], prompts: Mapping[str, Prompt], lines: Sequence[Sample]
) -> Iterator[str]:
    """Lines about samples that were never planned, with a seed off the rule, or a key of something else."""
    identity = manifest["model"]["identity"]
    for line in lines:
        where = f"{line.prompt_id}/{line.index}"
        if line.prompt_id not in prompts or not 0 <= line.index < manifest["samples_per_prompt"]:
            yield f"{where}: no such sample was planned"
            continue
        rule = (sample_seed(manifest["run_seed"], line.prompt_id, line.index, a) for a in range(ATTEMPTS))
        if line.seed not in rule:
            yield f"{where}: its seed {line.seed} does not follow from run seed, prompt and index"
        if request_of(line, prompts[line.prompt_id], manifest).key(identity) != line.key:
            yield f"{where}: its key is not that of this model, prompt, seed and settings"


def _picture_problems(
    run_dir: Path, samples: Sequence[Sample], progress: Progress, decode: bool
) -> Iterator[str]:
    with progress.stage("hashing pictures", len(samples)) as advance:
        for sample in samples:
            advance(1)
            if sample.status != "ok":
                continue
            try:
                data = (run_dir / str(sample.path)).read_bytes()
            except OSError as error:
                yield f"{sample.path}: {error.strerror or error}"
                continue
            if hashlib.sha256(data).hexdigest() != sample.sha256:
                yield f"{sample.path}: not the picture that was made (its sha256 differs)"
                continue
            if not decode:
                continue
            try:
                with Image.open(io.BytesIO(data)) as picture:
                    picture.load()
            except Exception as error:  # Pillow's decoders raise whatever they like
                yield f"{sample.path}: cannot be decoded: {error}"


def _summary(run_dir: Path, manifest: Mapping[str, Any], lines: Sequence[Sample]) -> Finding:
    if not (run_dir / SUMMARY_NAME).exists():
        return Finding("summary", "unchecked", 0, ("the run is not finished: it has no summary",))
    stated = read_summary(run_dir)
    actual = build_summary(manifest, lines, on_failure=stated["on_failure"])
    problems = []
    for name in ("run", "run_hash", "settings", "run_seed", "counts", "failures", "truncated_prompts"):
        difference = first_difference({name: stated.get(name)}, {name: actual[name]})
        if difference:
            field, there, here = difference
            problems.append(f"{field} is {there!r}, the ledger says {here!r}")
    counts = stated["counts"]
    parts = sum(count for name, count in counts.items() if name != "planned")
    if counts["planned"] != parts:
        problems.append(f"{counts['planned']} planned, but {parts} accounted for")
    return finding("summary", len(lines), problems)
