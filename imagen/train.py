"""Trains one stage of a cascade: `python -m imagen.train --stage 64 --pairs 20000 --steps 5000 --out FOLDER`.

Pictures and captions come from --data (see `imagen.training.sources`), by default from the built-in world of
scenes, and are put on disk once. The base stage learns the pictures, a super-resolution stage learns to undo
their area-averaging by 4. Batches, noise and dropped texts are functions of (seed, step) alone, and the same
command goes on where it stopped. Under `torchrun --nproc-per-node N -m imagen.train ...` N processes share
each batch. With --cascade FOLDER the weights also go to FOLDER/STAGE.safetensors, beside the preset: with all
stages trained, `python -m harness.run --model imagen:FOLDER` draws with them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import torch

from imagen.checkpoint import load_state
from imagen.presets import StageConfig
from imagen.training.config import MAY_CHANGE, TrainConfig, option_types, paper_config
from imagen.training.devices import check_precision, choose_device
from imagen.training.loop import Output, run
from imagen.training.monitor import Monitor, open_tensorboard, require_tensorboard
from imagen.training.pairs import PairStore
from imagen.training.plan import Data, Plan, choose_stage, prepare
from imagen.training.processes import by_the_first, join, leave, own_device
from imagen.training.record import STATE, check_folder, write_record
from imagen.training.samples import SampleSheet, distinct
from imagen.training.trainer import Diverged, Execution, Trainer, starting_weights

PROGRAM = "python -m imagen.train"
SCENES = "drawbench.scenes:training_pairs"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="mini", help="a preset, a .toml file or a cascade's folder")
    parser.add_argument("--stage", type=int, required=True, help="size in pixels of the stage to train")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--cascade", type=Path, help="also put the weights into this cascade's folder")
    parser.add_argument("--init", type=Path, help="start from the weights of this .safetensors file")
    data = parser.add_argument_group("data")
    data.add_argument("--data", default=SCENES, help="MODULE:FUNCTION, folder:, webdataset: or datasets:")
    data.add_argument("--data-args", type=json.loads, default={}, help="JSON object of its arguments")
    data.add_argument("--pairs", type=int, help="how many pairs to put on disk; default: all, where they end")
    data.add_argument(
        "--encoders", type=Path, action="append", help="a folder where the text encoder may lie"
    )
    data.add_argument("--pairs-folder", type=Path, help="default: OUT/pairs")
    learning = parser.add_argument_group("what is learnt")
    learning.add_argument(
        "--recipe", choices=("mini", "paper"), default="mini", help="whose defaults to take"
    )
    for option in fields(TrainConfig):
        flag, kind = f"--{option.name.replace('_', '-')}", option_types()[option.name]
        about = option.metadata.get("help", "how long to train")
        if kind is bool:
            learning.add_argument(flag, action=argparse.BooleanOptionalAction, help=about)
        else:
            learning.add_argument(flag, type=kind, choices=option.metadata.get("choices") or None, help=about)
    how = parser.add_argument_group("how it is computed and shown")
    how.add_argument("--device", default="auto", help="auto, cpu or cuda")
    how.add_argument("--accumulate", type=int, default=1, help="pieces that a batch is computed in")
    how.add_argument("--compile", nargs="?", const="inductor", default="", metavar="BACKEND")
    how.add_argument("--threads", type=int, help="CPU threads")
    how.add_argument("--every", type=int, default=250, help="steps between log, state and weights")
    how.add_argument("--samples-every", type=int, default=1000, help="steps between sheets of samples")
    how.add_argument("--samples", type=int, default=8, help="captions on a sheet; 0: no sheets")
    how.add_argument("--tensorboard", action="store_true", help="write OUT/tensorboard too")
    return parser


def _config(args: argparse.Namespace, stage: StageConfig) -> TrainConfig:
    """The recipe's values, with the flags' on top."""
    values: dict[str, Any] = paper_config(stage.unet.lowres) if args.recipe == "paper" else {}
    given = {option.name: getattr(args, option.name) for option in fields(TrainConfig)}
    values |= {name: value for name, value in given.items() if value is not None}
    if "steps" not in values:
        raise ValueError("--steps is needed: how long to train")
    return TrainConfig(**values)


def _plan(args: argparse.Namespace, device: str) -> Plan:
    """All that the command says. Raises ValueError where it makes no sense."""
    stage = choose_stage(args.preset, args.stage)
    config = _config(args, stage)
    check_precision(config.precision, device)
    folder = args.pairs_folder or args.out / "pairs"
    data = Data(args.data, args.data_args, args.pairs, folder, tuple(args.encoders or ()))
    execution = Execution(own_device(device), args.accumulate, args.compile)
    return Plan(args.preset, stage, config, execution, data, args.init, args.out, args.cascade)


def _train(args: argparse.Namespace) -> None:
    """The whole command. Raises ValueError on bad input and Diverged when training fails."""
    device = choose_device(args.device)
    join(device)
    if args.threads is not None and args.threads < 1:
        raise ValueError(f"--threads must be at least 1, got {args.threads}")
    if args.samples < 0:
        raise ValueError(f"--samples must be at least 0, got {args.samples}")
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.tensorboard:
        require_tensorboard()
    plan = _plan(args, device)
    weights_too = plan.cascade and plan.cascade / f"{plan.stage.size}.safetensors"
    output = Output(plan.out, args.every, args.samples_every, weights_too)
    initial = None if args.init is None else starting_weights(args.init, plan.stage.unet)
    by_the_first(lambda: prepare(plan))
    store = PairStore.open(plan.data.folder)
    trainer = Trainer(plan.stage, plan.config, store, plan.execution, initial)
    if (plan.out / STATE).exists():
        trainer.restore(load_state(plan.out / STATE))
    if trainer.rank == 0 and trainer.step:
        print(f"going on from step {trainer.step}", file=sys.stderr)
    began = {
        "step": trainer.step,
        **{name: getattr(plan.config, name) for name in MAY_CHANGE},
        "torch": torch.__version__,
        "device": plan.execution.device.type,
        "threads": torch.get_num_threads(),
        "processes": trainer.world,
        "accumulate": plan.execution.accumulate,
        "compile": plan.execution.compile_backend,
    }
    history = [*check_folder(plan.out, plan.record), began]
    by_the_first(lambda: write_record(plan.out, plan.record, history))
    tensorboard = None
    if args.tensorboard and trainer.rank == 0:
        tensorboard = open_tensorboard(plan.out / "tensorboard", trainer.step)
    monitor = Monitor(plan.out, trainer.step, plan.config.steps, plan.config.batch, tensorboard)
    sheet = None
    if args.samples and trainer.rank == 0:
        sheet = SampleSheet(plan.stage, store, distinct(store, args.samples), plan.config.crop)
    try:
        run(trainer, output, {**plan.record, "history": history, "pairs": store.about}, monitor, sheet)
    finally:
        monitor.close()


def main(argv: Sequence[str] | None = None) -> None:
    """The command line. Bad input is one line and exit status 2; training that fails exits with 1."""
    args = _parser().parse_args(argv)
    try:
        _train(args)
    except (OSError, ValueError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except Diverged as error:
        print(
            f"{PROGRAM}: {error}. {args.out / STATE} holds the state before; a lower --lr may go on from it",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print(f"{PROGRAM}: stopped; the same command goes on from the last saved step", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        leave()


if __name__ == "__main__":
    main()
