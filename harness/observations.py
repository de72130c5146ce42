"""What observers tell about pictures, kept on disk, beside the features of one pass."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.atomic import write_atomic
from harness.decode import PictureError, decode_rgb
from harness.extractors.base import ImageExtractor, ImageObserver
from harness.features import FeatureCache, FeaturePass, Item, image_features, read_picture


@dataclass(frozen=True)
class ObservedPass(FeaturePass):
    """A FeaturePass with `observations`: for each observer one JSON value a picture of `kept`."""

    observations: Mapping[str, Sequence[Any]]


def observed_features(
    items: Sequence[Item],
    extractors: Sequence[ImageExtractor],
    observers: Sequence[ImageObserver],
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
    root: Path | None = None,
) -> ObservedPass:
    """`image_features` of the pictures that the observers could look at, with what they tell."""
    told: dict[str, list[Any]] = {observer.name: [] for observer in observers}
    failed: list[tuple[int, str]] = []
    left: list[int] = []
    for place, item in enumerate(items):
        try:
            values = [_observe(item, observer, device, root) for observer in observers]
        except PictureError as error:
            failed.append((place, str(error)))
            continue
        left.append(place)
        for observer, value in zip(observers, values, strict=True):
            told[observer.name].append(value)
    found = image_features(
        [items[place] for place in left], extractors, device=device, progress=progress, root=root
    )
    return ObservedPass(
        features=found.features,
        kept=tuple(left[inside] for inside in found.kept),
        sha256=found.sha256,
        failed=tuple(sorted([*failed, *((left[inside], why) for inside, why in found.failed)])),
        observations={name: [values[inside] for inside in found.kept] for name, values in told.items()},
    )


def _observe(item: Item, observer: ImageObserver, device: str, root: Path | None) -> Any:
    data, sha256 = read_picture(item)
    folder = FeatureCache(f"observed|{observer.identity}", 1, device, root).folder / sha256[:2]
    path = folder / f"{sha256}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    text = json.dumps(observer.observe_images([decode_rgb(data)])[0], ensure_ascii=False)
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode())
    return json.loads(text)
