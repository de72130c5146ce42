"""A run as a table of pictures for other tools: a `datasets` folder, or one Parquet file.

One row a planned sample, failed ones too, in the plan's order: the picture's bytes as they are on disk, the
prompt with its category and meta, what became of it, and a column for each per-image metric.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from drawbench.errors import InputError
from harness.ledger import read_ledger
from harness.manifest import manifest_prompts, read_manifest
from harness.progress import Progress
from harness.summary import planned_samples

Format = Literal["datasets", "parquet"]
SCORES_NAME = "scores.parquet"
_ROWS_AT_ONCE = 64


def export_run(run_dir: Path, out: Path, kind: Format, progress: Progress) -> int:
    """Writes the run to `out` and returns the number of rows.

    `kind` "datasets" makes a folder for `datasets.load_from_disk`, "parquet" a file for `load_dataset` and
    pandas; both have an `image` column that decodes to pictures. `out` appears whole or not at all. Raises
    InputError where `run_dir` is no run, a picture is gone, or `out` is there already.
    """
    if out.exists():
        raise InputError(f"{out} is there already; remove it or give another --out")
    manifest = read_manifest(run_dir)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    count = manifest["planned"]
    try:
        with progress.stage(f"exporting to {out.name}", count) as advance:
            _write(run_dir, manifest, part, kind, advance)
        part.rename(out)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)
    return int(count)


def rows(run_dir: Path, manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row a planned sample. Raises InputError where a picture of the ledger cannot be read."""
    found = {(s.prompt_id, s.index): s for s in planned_samples(manifest, read_ledger(run_dir))}
    metrics, values = _values(run_dir)
    for prompt in manifest_prompts(manifest):
        for index in range(manifest["samples_per_prompt"]):
            sample = found.get((prompt.id, index))
            image = None
            if sample is not None and sample.status == "ok":
                try:
                    data = (run_dir / str(sample.path)).read_bytes()
                except OSError as error:
                    raise InputError(
                        f"{run_dir / str(sample.path)}: {error.strerror or error}; "
                        "run the run's command again to have it drawn again"
                    ) from error
                image = {"bytes": data, "path": f"{prompt.id}-{index}.png"}
            yield {
                "image": image,
                "prompt": prompt.text,
                "category": prompt.category,
                "prompt_id": prompt.id,
                "index": index,
                "seed": None if sample is None else sample.seed,
                "status": "missing" if sample is None else sample.status,
                "reason": None if sample is None else sample.reason,
                "sha256": None if sample is None else sample.sha256,
                "meta": json.dumps(dict(prompt.meta), sort_keys=True, ensure_ascii=False),
                **{name: values.get((prompt.id, index, name)) for name in metrics},
            }


def _values(run_dir: Path) -> tuple[list[str], dict[tuple[str, int, str], float]]:
    """The per-image metrics of the run's score table, and their values."""
    path = run_dir / SCORES_NAME
    if not path.is_file():
        return [], {}
    import pandas as pd

    table = pd.read_parquet(path)
    names = [str(name) for name in dict.fromkeys(table["metric"])]
    known = table[table["value"].notna()]
    places = zip(known["prompt_id"], known["index"], known["metric"], known["value"], strict=True)
    return names, {(str(i), int(n), str(m)): float(v) for i, n, m, v in places}


def _write(run_dir: Path, manifest: Mapping[str, Any], part: Path, kind: Format, advance: Any) -> None:
    import datasets

    metrics, _ = _values(run_dir)
    text, whole = datasets.Value("string"), datasets.Value("int64")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            **dict.fromkeys(("prompt", "category", "prompt_id"), text),
            "index": whole,
            "seed": whole,
            **dict.fromkeys(("status", "reason", "sha256", "meta"), text),
            **dict.fromkeys(metrics, datasets.Value("float64")),
        }
    )
    if kind == "parquet":
        _write_parquet(run_dir, manifest, part, features, advance)
        return
    from datasets.arrow_writer import ArrowWriter

    with tempfile.TemporaryDirectory(dir=part.parent, prefix=f"{part.name}.") as folder:
        table = str(Path(folder) / "rows.arrow")
        with ArrowWriter(features=features, path=table) as writer:
            for row in rows(run_dir, manifest):
                writer.write(features.encode_example(row))
                advance(1)
            writer.finalize()
        whole_table = datasets.Dataset.from_file(
            table, info=datasets.DatasetInfo(description=_about(manifest))
        )
        whole_table.save_to_disk(str(part))


def _write_parquet(
    run_dir: Path, manifest: Mapping[str, Any], part: Path, features: Any, advance: Any
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = features.arrow_schema
    told = {**(schema.metadata or {}), b"description": _about(manifest).encode()}
    waiting: list[dict[str, Any]] = []
    with pq.ParquetWriter(part, schema.with_metadata(told)) as writer:

        def flush() -> None:
            if waiting:
                writer.write_table(pa.Table.from_pylist(waiting, schema=writer.schema))
                advance(len(waiting))
                waiting.clear()

        for row in rows(run_dir, manifest):
            waiting.append(row)
            if len(waiting) == _ROWS_AT_ONCE:
                flush()
        flush()


def _about(manifest: Mapping[str, Any]) -> str:
    return (
        f"Pictures of run {manifest['name']}: model {manifest['model']['spec']}, bench "
        f"{manifest['bench']['name']} {manifest['bench']['version']}, run hash {manifest['run_hash']}."
    )
