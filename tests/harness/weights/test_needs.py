"""What needs what is read from the registries, so a new metric is in the list by itself."""

from __future__ import annotations

import pytest

from drawbench.errors import InputError
from harness.assets import ASSETS
from harness.extractors.base import Setting
from harness.extractors.clip import SHORT_NAMES
from harness.metrics import names
from harness.weights.needs import assets_for, needed_by


def test_metrics_and_their_weights() -> None:
    ids = {name: {asset.id for asset in assets_for([name])} for name in names()}
    assert ids["fid"] == {"inception-2015-12-05"}
    assert ids["clip_score"] == {"clip-ViT-L-14-openai"}
    assert ids["align_conse"] == {"efficientnet-lite0", "all-MiniLM-L6-v2"}
    assert ids["scenes_accuracy"] == set()
    both = assets_for(["align_conse", "fd_effnet_lite0", "align_conse"])
    assert len(both) == len({asset.id for asset in both}) == 2
    with pytest.raises(InputError, match="unknown metric"):
        assets_for(["fidd"])


def test_the_list_agrees_with_the_metrics_and_names_a_use_for_every_entry() -> None:
    uses = needed_by()
    assert set(uses) == set(ASSETS)
    for name in names():
        for asset in assets_for([name]):
            assert name in uses[asset.id]
    assert "fid" in uses["inception-2015-12-05"]
    assert "selftest" in uses["dinov2-base"]


@pytest.mark.parametrize("short", SHORT_NAMES)
def test_every_short_name_of_clip_is_a_known_asset(short: str) -> None:
    (asset,) = assets_for(["clip_score"], Setting(clip_model=short))
    assert ASSETS[asset.id] is asset
    assert "clip_score" in asset.needed_by
