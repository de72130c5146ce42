"""Named baselines: scored runs kept without their pictures, small enough for version control.

    <registry>/<name>/history.jsonl             see harness.regression.history
    <registry>/<name>/<entry>/manifest.json     what the run is; ledger.jsonl, summary.json and scores.parquet
                                                likewise as they were in the run's folder
    <registry>/<name>/<entry>/features/*.npz    what the whole-set metrics' networks said of each picture
    <registry>/<name>/<entry>/thumbnails.zip    small pictures to look at
    <registry>/<name>/<entry>/contents.json     the sha256 of each file

An entry is named after its run and its content. It is compared as the run itself would be, to the digit.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drawbench.errors import InputError
from harness.atomic import write_atomic, writing_to
from harness.comparable import NotComparable
from harness.difference import Place
from harness.extractors.base import DEFAULT_CLIP
from harness.features import Item, image_features
from harness.ledger import LEDGER_NAME
from harness.manifest import MANIFEST_NAME, to_json
from harness.metrics import find_metric
from harness.metrics.base import SetMetric
from harness.progress import Progress, StageCalls
from harness.regression.history import Event, Point, append_event, new_event, read_history
from harness.regression.integrity import open_whole
from harness.regression.small_pictures import small_picture
from harness.rows import Vectors
from harness.run_view import RunView
from harness.score_io import SCORES_FILE
from harness.score_plan import ScorePlan, extractors_for, stage
from harness.summary import SUMMARY_NAME

DEFAULT_REGISTRY = Path("results/baselines")
CONTENTS_NAME = "contents.json"
THUMBNAILS_NAME = "thumbnails.zip"
THUMBNAILS_BYTES = 4_000_000
_COPIED = (MANIFEST_NAME, LEDGER_NAME, SUMMARY_NAME, SCORES_FILE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class KeptFeatures:
    """An extractor's vectors (n, dim) of the pictures with these sha256, and the extractor's identity."""

    identity: str
    sha256: tuple[str, ...]
    vectors: Vectors


@dataclass(frozen=True)
class KeptRun:
    """A kept run: its files but for the pictures, features by extractor, and small pictures by place."""

    view: RunView
    entry: str
    features: Mapping[str, KeptFeatures]
    thumbnails: Mapping[Place, bytes]


def names(registry: Path) -> tuple[str, ...]:
    """The baselines in a registry, sorted; none where there is no registry."""
    if not registry.is_dir():
        return ()
    return tuple(sorted(p.name for p in registry.iterdir() if p.is_dir() and not p.name.startswith(".")))


def baseline_folder(registry: Path, name: str, *, must_exist: bool = True) -> Path:
    """The folder of a named baseline. Raises InputError for a bad name, or one that is not there."""
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no baseline's name: letters, digits, dots, dashes and _ make one")
    folder = registry / name
    if must_exist and not folder.is_dir():
        known = ", ".join(names(registry)) or "none"
        raise InputError(
            f"{registry} has no baseline {name!r} (it has {known}); add it: drawbench baseline add"
        )
    return folder


def keep_run(
    registry: Path, name: str, run_dir: Path, progress: Progress, *, promote: bool, note: str = ""
) -> Event:
    """Checks a scored run and makes it the baseline `name`: a new one, or with `promote` one that is there.

    The entry is written under another name first, so that a crash leaves the baseline as it was. Raises
    InputError where the name is taken, or not there for `promote`, and where the run cannot be compared.
    """
    folder = baseline_folder(registry, name, must_exist=promote)
    if not promote and read_history(folder):
        raise InputError(
            f"baseline {name!r} is there already; put another run in its place: drawbench baseline promote"
        )
    run = open_whole(run_dir, "run", progress)
    files = {entry: (run_dir / entry).read_bytes() for entry in _COPIED if (run_dir / entry).is_file()}
    for extractor, kept in _features(run, progress).items():
        files[f"features/{extractor}.npz"] = _to_npz(kept)
    files[THUMBNAILS_NAME] = _to_zip(run)
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    contents = to_json({"schema": 1, "sha256": hashes})
    entry = f"{str(run.manifest['run_hash'])[:8]}-{hashlib.sha256(contents).hexdigest()[:8]}"
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / entry / CONTENTS_NAME).is_file():
            part = folder / f".{entry}.part"
            with suppress(FileNotFoundError):
                shutil.rmtree(part)
            for path, data in {**files, CONTENTS_NAME: contents}.items():
                (part / path).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(part / path, data)
            with suppress(FileNotFoundError):
                shutil.rmtree(folder / entry)
            part.rename(folder / entry)
    event = new_event(
        "promote" if promote else "add", run.manifest, score_points(run), entry=entry, note=note
    )
    append_event(folder, event)
    return event


def current_entry(folder: Path) -> str:
    """The entry that is the baseline now. Raises InputError where there is none."""
    kept = [event.entry for event in read_history(folder) if event.entry is not None]
    if not kept:
        raise InputError(f"{folder} holds no baseline yet")
    return kept[-1]


def open_kept(registry: Path, name: str) -> KeptRun:
    """The run that is the baseline `name` now, after its files were checked against their hashes.

    Raises InputError where there is none, NotComparable where a file is missing or was altered.
    """
    folder = baseline_folder(registry, name)
    entry = current_entry(folder)
    place = folder / entry
    try:
        stated = json.loads((place / CONTENTS_NAME).read_bytes())["sha256"]
        files = {str(path): str(digest) for path, digest in stated.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotComparable(
            f"the baseline is not comparable: {place / CONTENTS_NAME} cannot be read: {error}",
            f"baseline: {CONTENTS_NAME}",
        ) from None
    digest = hashlib.sha256((place / CONTENTS_NAME).read_bytes()).hexdigest()[:8]
    if not entry.endswith(digest):
        raise NotComparable(
            f"the baseline is not comparable: {CONTENTS_NAME} of entry {entry} was altered",
            f"baseline: {CONTENTS_NAME}",
        )
    for path, expected in files.items():
        try:
            found = hashlib.sha256((place / path).read_bytes()).hexdigest()
        except OSError as error:
            found = error.strerror or "unreadable"
        if found != expected:
            raise NotComparable(
                f"the baseline is not comparable: {path} of entry {entry} is not the file that was kept",
                f"baseline: {path}",
            )
    features = {
        Path(path).stem: _from_npz((place / path).read_bytes())
        for path in files
        if path.startswith("features/")
    }
    return KeptRun(RunView.load(place), entry, features, _from_zip((place / THUMBNAILS_NAME).read_bytes()))


def score_points(run: RunView) -> tuple[Point, ...]:
    """The run's scores over all prompts, for the history."""
    return tuple(
        Point(
            score.metric,
            score.value,
            score.low if math.isfinite(score.low) else None,
            score.high if math.isfinite(score.high) else None,
            score.n,
            score.identity,
            score.direction,
        )
        for score in run.scores
        if score.category is None and math.isfinite(score.value)
    )


def _features(run: RunView, progress: Progress) -> dict[str, KeptFeatures]:
    """The vectors that the run's whole-set metrics need, from the cache where it has them."""
    metrics = []
    for score in run.scores:
        with suppress(InputError):  # another package's metric, which is not here
            metric = find_metric(score.metric)
            if score.category is None and isinstance(metric, SetMetric):
                metrics.append(metric)
    wanted = sorted({name for metric in metrics for name in metric.image_extractors})
    if not wanted:
        return {}
    scoring = run.manifest.get("options", {}).get("scoring", {})
    networks = scoring.get("networks", {}) if isinstance(scoring, Mapping) else {}
    weights = scoring.get("weights") if isinstance(scoring, Mapping) else None
    plan = ScorePlan(
        device="auto",
        clip_model=str(networks.get("clip", DEFAULT_CLIP)),
        weights_dir=None if weights is None else Path(weights),
    )
    extractors = extractors_for(plan)
    good = [sample for sample in run.samples if sample.status == "ok"]
    with StageCalls(progress) as report:
        found = image_features(
            [Item(run.folder / str(sample.path), sample.sha256) for sample in good],
            [extractors.image(name) for name in wanted],
            device=extractors.setting.device,
            progress=stage(report, "picture features"),
        )
    return {
        name: KeptFeatures(extractors.image(name).identity, found.sha256, np.asarray(found.features[name]))
        for name in wanted
    }


def _to_npz(kept: KeptFeatures) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        identity=np.array(kept.identity),
        sha256=np.array(kept.sha256, dtype="U64"),
        vectors=np.asarray(kept.vectors, dtype="<f4"),
    )
    return buffer.getvalue()


def _from_npz(data: bytes) -> KeptFeatures:
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return KeptFeatures(
            str(stored["identity"]),
            tuple(map(str, stored["sha256"])),
            np.asarray(stored["vectors"], np.float32),
        )


def _to_zip(run: RunView) -> bytes:
    """Small WebP pictures named <prompt id>/<index>.webp, as many as fit THUMBNAILS_BYTES."""
    buffer = io.BytesIO()
    left = THUMBNAILS_BYTES
    with zipfile.ZipFile(buffer, "w") as archive:
        for sample in run.samples:
            picture = run.picture(sample)
            if picture is None:
                continue
            data = small_picture(picture)
            left -= len(data)
            if left < 0:
                break
            place = zipfile.ZipInfo(
                f"{sample.prompt_id}/{sample.index}.webp"
            )  # of 1980: equal runs, equal bytes
            archive.writestr(place, data)
    return buffer.getvalue()


def _from_zip(data: bytes) -> dict[Place, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            (name.rpartition("/")[0], int(Path(name).stem)): archive.read(name) for name in archive.namelist()
        }
