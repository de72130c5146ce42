"""What judges of pairs say about pictures and texts, each pair asked once and then kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from drawbench.errors import InputError
from harness.decode import PictureError, RgbImage, decode_rgb
from harness.extractors.base import PairJudge
from harness.feature_cache import FeatureCache
from harness.picture_stream import Item, read_picture
from harness.rows import Vectors


def pair_scores(
    items: Sequence[Item],
    texts: Sequence[str],
    judge: PairJudge,
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
    root: Path | None = None,
) -> Vectors:
    """The judge's number for each picture with its text, (n,), float32.

    The items' sha256 must be known; with the text and the judge's identity it is the cache's key. Each
    picture is read only where one of its pairs is new. Raises InputError where a picture cannot be read any
    more, ValueError for unequal lengths or an item without sha256.
    """
    keys = [_key(item, text) for item, text in zip(items, texts, strict=True)]
    store = FeatureCache(f"pairs|{judge.identity}", 1, device, root)
    known: dict[str, float] = {}
    for done, (item, text, key) in enumerate(zip(items, texts, keys, strict=True), start=1):
        if key not in known:
            value = store.get(key)
            if value is None:
                value = judge.judge_pairs([_picture(item)], [text]).astype(np.float32)
                if np.isfinite(value).all():
                    store.put_many([(key, value)])
            known[key] = float(value[0])
        if progress:
            progress(done, len(keys))
    return np.array([known[key] for key in keys], dtype=np.float32)


def _key(item: Item, text: str) -> str:
    if item.sha256 is None:
        raise ValueError(f"{item.path} comes without its sha256")
    return hashlib.sha256(f"{item.sha256}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _picture(item: Item) -> RgbImage:
    try:
        return decode_rgb(read_picture(item)[0])
    except PictureError as error:
        raise InputError(f"picture {item.path} was there and is not any more: {error}") from None
