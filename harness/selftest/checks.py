"""All checks of the self-test, in the order of the stages."""

from __future__ import annotations

from harness.extractors.base import Setting
from harness.selftest.decode_checks import decode_checks
from harness.selftest.feature_checks import feature_checks
from harness.selftest.layer_checks import layer_checks
from harness.selftest.metric_checks import metric_checks
from harness.selftest.report import Check
from harness.selftest.resize_checks import resize_checks
from harness.selftest.token_checks import token_checks


def all_checks(setting: Setting) -> list[Check]:
    """Every check; none is made yet and no network is loaded."""
    return [
        *decode_checks(),
        *resize_checks(),
        *token_checks(setting.weights),
        *layer_checks(setting.device),
        *feature_checks(setting),
        *metric_checks(),
    ]
