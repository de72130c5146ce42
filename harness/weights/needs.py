"""Which weights which metric needs, from the registries of metrics and extractors themselves."""

from __future__ import annotations

from collections.abc import Iterable

from harness.assets import ASSETS, Asset
from harness.extractors import find_spec
from harness.extractors.base import Setting
from harness.metrics import find_metric, names
from harness.metrics.base import JudgesPairs, Metric, Observes


def assets_for(metric_names: Iterable[str], setting: Setting | None = None) -> tuple[Asset, ...]:
    """The weights that these metrics need, each once. Raises InputError for an unknown metric."""
    wanted: dict[str, Asset] = {}
    for name in metric_names:
        wanted |= {asset.id: asset for asset in _assets_of(find_metric(name), setting or Setting())}
    return tuple(wanted.values())


def needed_by(setting: Setting | None = None) -> dict[str, tuple[str, ...]]:
    """Asset id -> names of the metrics that need it, and the uses that its own entry names."""
    uses = {id_: dict.fromkeys(asset.needed_by) for id_, asset in ASSETS.items()}
    for name in names():
        for asset in _assets_of(find_metric(name), setting or Setting()):
            uses.setdefault(asset.id, {})[name] = None
    return {id_: tuple(sorted(found)) for id_, found in uses.items()}


def _assets_of(metric: Metric, setting: Setting) -> list[Asset]:
    looked_at = [*metric.image_extractors, *metric.text_extractors]
    looked_at += metric.image_observers if isinstance(metric, Observes) else ()
    looked_at += metric.pair_judges if isinstance(metric, JudgesPairs) else ()
    return [asset for name in looked_at for asset in find_spec(name).assets(setting)]
