"""`drawbench selftest`: does this machine's stack still give the numbers that it should?"""

from __future__ import annotations

import json

from harness.exits import FINE
from harness.flags import Device, DeviceFlag, JsonFlag, WeightsFlag

BAD_VERDICT = 1


def selftest(weights: WeightsFlag = None, device: DeviceFlag = Device.CPU, as_json: JsonFlag = False) -> int:
    """Runs reference values through decode, resize, tokenisers, networks and metrics; says which moved.

    Works without a network and without downloads; what needs weights that are not here is skipped by name.
    The exit status is 1 where something moved.
    """
    from harness.extractors.base import Setting
    from harness.selftest.checks import all_checks
    from harness.selftest.report import as_json as report_json
    from harness.selftest.report import first_moved, print_table, run_checks
    from harness.weights import WeightsPolicy

    outcomes = run_checks(all_checks(Setting(WeightsPolicy(weights), _torch_device(device))))
    if as_json:
        print(json.dumps(report_json(outcomes), indent=2, ensure_ascii=False))
    else:
        print_table(outcomes)
    return BAD_VERDICT if first_moved(outcomes) else FINE


def _torch_device(device: Device) -> str:
    if device is Device.CPU:
        return device.value
    import torch

    return "cuda" if torch.cuda.is_available() or device is Device.CUDA else "cpu"
