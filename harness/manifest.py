"""manifest.json: what a run is, written before its first picture.

Its configuration is what the folder stands for, and `run_hash` is the sha256 of that; two configurations
never mix in one folder. Command, versions and machine are those of the process that began the run;
`resumed` has an entry for each later one that made pictures, so that a run finished elsewhere shows it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from drawbench.types import Prompt, Reference
from harness.atomic import write_atomic
from harness.environment import git_commit, machine, package_versions
from harness.plan import Plan, configuration_hash, run_name
from harness.seeds import RULE
from harness.shard import Shard, parse_shard

MANIFEST_NAME = "manifest.json"
SCHEMA = 1


def build_manifest(
    plan: Plan,
    model_identity: Mapping[str, Any],
    *,
    model_spec: str,
    bench_spec: str,
    command: Sequence[str] = (),
    batch_size: int | None = None,
    options: Mapping[str, Any] | None = None,
    engine: str = "local",
) -> dict[str, Any]:
    """The manifest of a run that has not begun. `bench.prompts` are those chosen under the limit.

    `options` is the resolved configuration that the run was begun with, for the record.
    """
    bench = plan.bench
    reference = bench.reference
    configuration = plan.configuration(model_identity)
    began = session(command, batch_size=batch_size, engine=engine)
    return {
        "schema": SCHEMA,
        "name": run_name(configuration),
        "run_hash": configuration_hash(configuration),
        "created": began.pop("started"),
        "model": {"spec": model_spec, "identity": dict(model_identity)},
        "bench": {
            "spec": bench_spec,
            "name": bench.name,
            "version": bench.version,
            "digest": bench.digest,
            "source": bench.source,
            "notices": list(bench.notices),
            "reference": reference
            and {"kind": reference.kind, "location": reference.location, "digest": reference.digest},
            "prompts_in_bench": len(bench.prompts),
            "prompts": [
                {"id": p.id, "text": p.text, "category": p.category, "meta": dict(p.meta)}
                for p in plan.prompts
            ],
        },
        "settings": dict(plan.settings),
        "run_seed": plan.seed,
        "seed_rule": RULE,
        "samples_per_prompt": plan.samples_per_prompt,
        "limit": plan.limit,
        "options": dict(options or {}),
        **({} if plan.shard is None else {"shard": str(plan.shard)}),
        "planned": plan.planned,
        **began,
        "resumed": [],
    }


def session(command: Sequence[str], *, batch_size: int | None, engine: str = "local") -> dict[str, Any]:
    """When, how and where pictures are made: by this process, now."""
    return {
        "started": now(),
        "command": shlex.join(command),
        "batch_size": batch_size,
        "engine": engine,
        "git_commit": git_commit(),
        "versions": package_versions(),
        "machine": machine(),
    }


def configuration_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The `Plan.configuration` that the manifest was built from."""
    bench = manifest["bench"]
    return {
        "model": manifest["model"]["identity"],
        "bench": {name: bench[name] for name in ("name", "version", "digest")},
        "settings": manifest["settings"],
        "seed": manifest["run_seed"],
        "samples_per_prompt": manifest["samples_per_prompt"],
        "limit": manifest["limit"],
        **({"shard": manifest["shard"]} if "shard" in manifest else {}),
    }


def manifest_shard(manifest: Mapping[str, Any]) -> Shard | None:
    """The part of a run that the folder holds, None for all. Raises InputError where it is malformed."""
    return parse_shard(manifest["shard"]) if "shard" in manifest else None


def read_manifest(run_dir: Path) -> dict[str, Any]:
    """The manifest in `run_dir`. Raises InputError where there is none or it is malformed."""
    path = run_dir / MANIFEST_NAME
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{run_dir} is no run folder: it has no {MANIFEST_NAME}") from None
    except NotADirectoryError:
        raise InputError(f"{run_dir} is no run folder but a file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or "run_hash" not in manifest:
        raise InputError(f"{path} is not the manifest of a run")
    if manifest.get("schema") != SCHEMA:
        raise InputError(
            f"{path} has schema {manifest.get('schema')!r}; this version reads schema {SCHEMA}: "
            "use the version that wrote it, or another --out"
        )
    try:
        configuration_of(manifest)
        manifest_shard(manifest)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not the manifest of a run: {error!r}") from error
    return manifest


def write_manifest(run_dir: Path, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest whole or not at all. Raises OSError."""
    write_atomic(run_dir / MANIFEST_NAME, to_json(manifest))


def manifest_prompts(manifest: Mapping[str, Any]) -> tuple[Prompt, ...]:
    """The prompts that were chosen for the run, in order. Raises InputError where they are malformed."""
    try:
        return tuple(
            Prompt(entry["id"], entry["text"], entry.get("category", ""), entry.get("meta", {}))
            for entry in manifest["bench"]["prompts"]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the manifest's list of prompts is malformed: {error!r}") from error


def manifest_reference(manifest: Mapping[str, Any]) -> Reference | None:
    """The bench's reference pictures, None where it has none. Raises InputError where it is malformed."""
    entry = manifest["bench"].get("reference")
    try:
        return None if entry is None else Reference(entry["kind"], entry["location"], entry.get("digest", ""))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the manifest's reference is malformed: {error!r}") from error


def check_same_configuration(run_dir: Path, wanted: Mapping[str, Any]) -> None:
    """Raises InputError, naming the first field that differs, where `run_dir` holds another run."""
    held = configuration_of(read_manifest(run_dir))
    difference = first_difference(held, json.loads(to_json(wanted)))
    if difference is not None:
        field, there, here = difference
        raise InputError(
            f"{run_dir} holds a run of another configuration: {field} is {_short(there)} there and "
            f"{_short(here)} now; give another --out, or the same settings"
        )


def first_difference(there: Any, here: Any, field: str = "") -> tuple[str, Any, Any] | None:
    """(dotted name of the first field that differs, its value there, here), or None where all is equal."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in sorted({*there, *here}):
            inner = f"{field}.{name}" if field else name
            found = first_difference(there.get(name), here.get(name), inner)
            if found is not None:
                return found
        return None
    return None if there == here and type(there) is type(here) else (field, there, here)


def to_json(value: object) -> bytes:
    """Indented UTF-8 JSON with a final newline, as all of a run folder's JSON files are written.

    What is no Unicode, such as a byte of a strange file name, becomes a JSON escape.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
