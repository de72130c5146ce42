"""What a preset's networks are and cost: `python -m imagen.describe [PRESET ...] [--json]`.

Networks are counted on torch's meta device, so that two billion parameters take neither memory nor time.
Without a name, every preset in one line.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from typing import Any

from imagen.measure import TEXT_TOKENS, Measures, measure
from imagen.presets import StageConfig, load_preset, preset_names, preset_text_encoder
from imagen.unet import UNetConfig

_measure = functools.cache(measure)  # presets that include others share their stages


def describe(names: Sequence[str], as_json: bool = False) -> str:
    """What is printed for these presets. Raises ValueError for an unknown one."""
    if as_json:
        return json.dumps(describe_json(names or preset_names()), indent=2)
    return describe_text(names) if names else overview()


def describe_json(names: Sequence[str]) -> dict[str, Any]:
    """The presets' stages as plain values, keyed by preset and size. Raises ValueError as `load_preset`."""
    described = {}
    for name in names:
        described[name] = {
            str(size): {
                "text_encoder": preset_text_encoder(name),
                "schedule": stage.schedule,
                "prediction": stage.prediction,
                "unet": stage.unet.to_dict(),
                "levels": _levels(stage.unet, size),
                **_counts(_measure(stage.unet, size)),
            }
            for size, stage in load_preset(name).items()
        }
    return described


def describe_text(names: Sequence[str]) -> str:
    """The presets as tables, one a stage. Raises ValueError as `load_preset`."""
    return "\n\n".join(
        _table(name, size, stage, _measure(stage.unet, size))
        for name in names
        for size, stage in load_preset(name).items()
    )


def overview() -> str:
    """Every preset in one line."""
    lines = []
    for name in preset_names():
        parts = []
        for size, stage in load_preset(name).items():
            counted = _measure(stage.unet, size)
            parts.append(f"{size} px: {_parameters(counted.total)}, {_flops(counted.step_flops)}")
        lines.append(f"{name:<18} {'; '.join(parts)}")
    return "\n".join(lines)


def _counts(counted: Measures) -> dict[str, Any]:
    return {
        "parameters": {"total": counted.total, **counted.parameters},
        "step_flops": counted.step_flops,
        "text_flops": counted.text_flops,
        "text_tokens": TEXT_TOKENS,
        "weight_bytes": {"bfloat16": counted.weight_bytes(2), "float32": counted.weight_bytes(4)},
        "peak_activation_bytes": {"bfloat16": 2 * counted.peak_values, "float32": 4 * counted.peak_values},
    }


def _levels(config: UNetConfig, size: int) -> list[dict[str, Any]]:
    """One entry per resolution. Blocks are those of the way down and of the way up."""
    first = size // config.patch // config.stem_stride
    extra = 1 if config.kind == "plain" else 0
    return [
        {
            "positions": first >> level,
            "channels": config.channels[level],
            "blocks_down": config.blocks[level],
            "blocks_up": config.blocks[level] + extra,
            "attention": config.attention_at(level),
        }
        for level in range(len(config.channels))
    ]


def _table(name: str, size: int, stage: StageConfig, counted: Measures) -> str:
    config = stage.unet
    shares = ", ".join(f"{share} {part / counted.total:.1%}" for share, part in counted.parameters.items())
    use = f"{config.conditioning} conditioning, {preset_text_encoder(name)} of {config.text_dim}"
    rows = [
        ("network", f"{config.kind} U-Net, {use}, {stage.schedule} schedule, predicts {stage.prediction}"),
        ("parameters", f"{_parameters(counted.total)} ({shares})"),
        ("one step", f"{_flops(counted.step_flops)} a picture"),
        ("text", f"{_flops(counted.text_flops)} once a picture, at {TEXT_TOKENS} tokens"),
        ("weights", " / ".join(f"{_bytes(counted.weight_bytes(n))} {kind}" for n, kind in _NUMBERS)),
        ("activations", " / ".join(f"{_bytes(counted.peak_values * n)} {kind}" for n, kind in _NUMBERS)),
    ]
    lines = [f"{name}, {size} x {size}", *(f"  {what:<12} {value}" for what, value in rows)]
    lines.append("  level  positions  channels  blocks down/up  attention")
    for number, level in enumerate(_levels(config, size)):
        blocks = f"{level['blocks_down']}/{level['blocks_up']}"
        positions = f"{level['positions']} x {level['positions']}"
        lines.append(
            f"  {number:>5}  {positions:>9}  {level['channels']:>8}  {blocks:>14}  {level['attention']}"
        )
    return "\n".join(lines)


_NUMBERS = ((2, "bfloat16"), (4, "float32"))


def _parameters(number: int) -> str:
    """Three figures: 2.14B."""
    return _short(number, ("", "k", "M", "B"))


def _flops(number: int) -> str:
    """Three figures: 1.52 TFLOP."""
    return _short(number, (" ", " k", " M", " G", " T")) + "FLOP"


def _short(number: int, units: Sequence[str]) -> str:
    power = min(len(units) - 1, (len(str(number)) - 1) // 3)
    value = number / 1000**power
    return f"{value:.{max(0, 3 - len(str(int(value))))}f}{units[power]}"


def _bytes(number: int) -> str:
    return f"{number / 2**30:.2f} GiB" if number >= 2**30 else f"{number / 2**20:.1f} MiB"


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns its exit status, 2 for an unknown preset."""
    parser = argparse.ArgumentParser(
        prog="python -m imagen.describe", description="What presets are and cost."
    )
    parser.add_argument("preset", nargs="*", help="all of them, in one line each, without it")
    parser.add_argument("--json", action="store_true", help="for machines")
    args = parser.parse_args(argv)
    try:
        print(describe(args.preset, args.json))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
