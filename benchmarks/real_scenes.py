"""Writes the true pictures of the `scenes` bench into a folder, as the ceiling of what a model could score.

python benchmarks/real_scenes.py FOLDER --n 300 --size 256
python -m harness.run --model folder:FOLDER --bench scenes
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from drawbench.benches.scenes import load, true_picture


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--size", type=int, default=256)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for prompt in load(n=args.n).prompts:
        Image.fromarray(true_picture(prompt, args.size)).save(args.folder / f"{prompt.id}.png")


if __name__ == "__main__":
    main()
