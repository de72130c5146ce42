"""The one place that finds weights: the user's folder, installed packages, caches, and if allowed the net.

`places` knows where to look, `search` looks, `download` fetches, `hashes` tells whether a file is the right
one, `needs` which metrics need what, `bundle` makes a folder for a machine without a network. Nothing is
searched, read or fetched at import.
"""

from harness.weights.download import reachable, told_offline
from harness.weights.hashes import file_sha256
from harness.weights.places import hub_snapshots
from harness.weights.search import (
    AssetStatus,
    FoundWeights,
    WeightsPolicy,
    asset,
    find,
    locate,
    looked_in,
    missing_message,
    status,
)

__all__ = [
    "AssetStatus",
    "FoundWeights",
    "WeightsPolicy",
    "asset",
    "file_sha256",
    "find",
    "hub_snapshots",
    "locate",
    "looked_in",
    "missing_message",
    "reachable",
    "status",
    "told_offline",
]
