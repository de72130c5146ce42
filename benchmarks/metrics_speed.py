"""FID of a folder of PNG files: pictures per second of this suite, clean-fid and torch-fidelity.

    python benchmarks/metrics_speed.py --n 2000 --size 256 --runs 3 --work speed
    python benchmarks/metrics_speed.py --memory --n 2000 --work speed

All three read the same files with the same random Inception weights and compare with the same statistics. The
runs take turns, so that a busy machine slows all, and each is whole: weights from disk, reading, resizing,
network, moments, Fréchet distance. Peers run with their own defaults. Ours starts each time with an empty
cache; the last one is then scored again with the cache warm. The distances themselves are compared too, ours
under the protocol of each peer.

--memory measures the peak memory of a process that scores n pictures and of one that scores 10 n: real files,
extractor, cache and distance. So that it takes minutes, the pictures are small and all but --fresh of them
have their features in the cache beforehand; the network runs on those in both. --fresh 0 leaves it out, whose
compilation is otherwise the peak.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import io
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image
from random_inception import SCRIPT_NAME, STATE_NAME, write_weights

from harness.extractors.inception import POOL, load_clean, load_fidelity
from harness.feature_cache import FeatureCache
from harness.features import Item, image_features
from harness.metrics.frechet import frechet_distance
from harness.moments import Moments
from harness.rows import columns

DIM = 2048


@dataclass(frozen=True)
class Work:
    """Where the files are. `mean` (2048,) and `covariance` are the statistics that all compare with."""

    folder: Path
    pictures: Path
    mean: np.ndarray
    covariance: np.ndarray

    @property
    def script(self) -> Path:
        """The TorchScript archive."""
        return self.folder / SCRIPT_NAME

    @property
    def state(self) -> Path:
        """The state dict."""
        return self.folder / STATE_NAME


def write_pictures(folder: Path, n: int, size: int) -> None:
    """n PNG files with amplitudes that fall off as in photographs (1/f), unless they are there."""
    done = folder / f"{n - 1:06d}.png"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    across = np.fft.rfftfreq(size)[None, :]
    frequency = np.maximum(np.hypot(np.fft.fftfreq(size)[:, None], across), 1 / size)[..., None]
    for number in range(n):
        rng = np.random.default_rng(number)
        spectrum = np.fft.rfft2(rng.normal(size=(size, size, 3)), axes=(0, 1)) / frequency
        noise = np.fft.irfft2(spectrum, (size, size), axes=(0, 1))
        mixed = noise @ np.array([[1, 0.7, 0.6], [0, 0.5, 0.3], [0, 0, 0.4]])  # colours go together
        pixels = mixed / mixed.std() * rng.uniform(30, 70) + rng.uniform(80, 170)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number:06d}.png")


def prepare(folder: Path, n: int, size: int) -> Work:
    """Weights, pictures and reference statistics of full rank, made once and kept."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / SCRIPT_NAME).exists():
        write_weights(folder)
    pictures = folder / f"pictures-{size}"
    pictures = pictures.with_name(f"{pictures.name}-{n}")
    write_pictures(pictures, n, size)
    stored = folder / "statistics.npz"
    if not stored.exists():
        reference = folder / "reference"
        write_pictures(reference, 100, 128)
        extractor = load_clean(folder / SCRIPT_NAME)
        items = [Item(path) for path in sorted(reference.iterdir())]
        found = image_features(items, [extractor], root=folder / "reference-cache")
        moments = Moments.of(found.features["inception"])
        spread = np.trace(moments.covariance) / DIM
        np.savez(stored, mean=moments.mean, covariance=moments.covariance + spread * np.eye(DIM))
    with np.load(stored) as loaded:
        return Work(folder, pictures, loaded["mean"], loaded["covariance"])


def ours(work: Work, root: Path, protocol: str = "clean") -> float:
    """This suite, with its cache under `root`. `protocol` may be torch-fidelity's, "inception-v3-compat"."""
    extractor = load_clean(work.script) if protocol == "clean" else load_fidelity(work.state)
    items = [Item(path) for path in sorted(work.pictures.iterdir())]
    found = image_features(items, [extractor], root=root)
    moments = Moments.of(columns(found.features[extractor.name], POOL.start, POOL.stop))
    return frechet_distance(moments.mean, moments.covariance, work.mean, work.covariance)


def clean_fid(work: Work) -> float:
    """clean-fid's compute_fid with its defaults, given its network and the statistics from here."""
    import torch
    from cleanfid import fid, inception_torchscript

    model = inception_torchscript.InceptionV3W(str(work.folder), download=False).eval()
    given = mock.patch.object(fid, "get_reference_statistics", return_value=(work.mean, work.covariance))
    with given:
        return float(
            fid.compute_fid(
                str(work.pictures),
                dataset_name="given",
                custom_feat_extractor=model,
                device=torch.device("cpu"),
                verbose=False,
            )
        )


def torch_fidelity(work: Work) -> float:
    """torch-fidelity's calculate_metrics with its defaults, given our weights and statistics."""
    import torch
    from torch_fidelity import calculate_metrics

    cache = work.folder / "fidelity-cache"
    cache.mkdir(exist_ok=True)
    given = {"mu": work.mean.astype(np.float32), "sigma": work.covariance}
    torch.save(given, cache / "given-inception-v3-compat-stat-fid-2048.pt")
    found = calculate_metrics(
        input1=str(work.pictures),
        input2=str(work.pictures),
        input2_cache_name="given",
        cache_root=str(cache),
        feature_extractor_weights_path=str(work.state),
        fid=True,
        cuda=False,
        verbose=False,
    )
    return float(found["frechet_inception_distance"])


def alternate(
    runs: dict[str, Callable[[], float]], rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Times each run once in every round: {name: {"seconds": [...], "value": distance}}."""
    results: dict[str, Any] = {name: {"seconds": [], "value": None} for name in runs}
    for turn in range(rounds):
        for name, run in runs.items():
            quiet = io.StringIO()
            start = time.perf_counter()
            with (
                warnings.catch_warnings(),
                contextlib.redirect_stdout(quiet),
                contextlib.redirect_stderr(quiet),
            ):
                warnings.simplefilter("ignore")
                value = run()
            seconds = time.perf_counter() - start
            results[name]["seconds"].append(seconds)
            results[name]["value"] = value
            say(f"  round {turn + 1}: {name} {seconds:.1f} s, distance {value:.6g}")
    return results


def frechet_times(d: int = DIM) -> dict[str, float]:
    """One Fréchet distance of dimension d, ours and through scipy's sqrtm as the common codes have it."""
    from scipy import linalg

    rng = np.random.default_rng(0)
    scales = np.linspace(1, 30, d) ** -1.0
    means, covariances = [], []
    for _ in range(2):
        sample = rng.normal(size=(2 * d, d)) * scales
        sample += 0.2 * sample[:, rng.permutation(d)]
        means.append(sample.mean(0))
        covariances.append(np.cov(sample, rowvar=False))
    start = time.perf_counter()
    found = frechet_distance(means[0], covariances[0], means[1], covariances[1])
    fast = time.perf_counter() - start
    start = time.perf_counter()
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    slow = time.perf_counter() - start
    gap = means[0] - means[1]
    expected = gap @ gap + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root.real)
    return {
        "ours_seconds": fast,
        "sqrtm_seconds": slow,
        "ratio": slow / fast,
        "relative_difference": float(abs(found - expected) / abs(expected)),
    }


def measure_speed(args: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """See the module."""
    work = prepare(args.work, args.n, args.size)
    engine = load_clean(work.script).engine.name
    say(f"{args.n} pictures of {args.size} px, {args.runs} rounds; ours on {engine}")
    root = work.folder / "cache"

    def cold() -> float:
        shutil.rmtree(root, ignore_errors=True)
        return ours(work, root)

    runs: dict[str, Callable[[], float]] = {"ours": cold}
    if importlib.util.find_spec("cleanfid"):
        runs["clean-fid"] = lambda: clean_fid(work)
    if importlib.util.find_spec("torch_fidelity"):
        runs["torch-fidelity"] = lambda: torch_fidelity(work)
    results = alternate(runs, args.runs, say)
    rates = {name: [args.n / seconds for seconds in found["seconds"]] for name, found in results.items()}
    for name, rate in rates.items():
        ratio = statistics.median(rates["ours"]) / statistics.median(rate)
        say(
            f"{name}: {statistics.median(rate):.2f} pictures/s (min {min(rate):.2f}, max {max(rate):.2f}), "
            f"ours is {ratio:.2f} times as fast; distance {results[name]['value']:.8g}"
        )
    own = {"clean-fid": results["ours"]["value"]}
    if "torch-fidelity" in results:
        own["torch-fidelity"] = ours(work, root, "inception-v3-compat")
    differences = {name: abs(own[name] / results[name]["value"] - 1) for name in own if name in results}
    for name, difference in differences.items():
        say(f"distance under {name}'s protocol: {own[name]:.8g}, relative difference {difference:.1e}")
    warm = warm_times(work, root, args.runs)
    cold_seconds = statistics.median(results["ours"]["seconds"])
    again = cold_seconds / warm["pass"]
    say(f"scored again, warm: {warm['pass']:.3f} s for the features, {again:.0f} times faster")
    say(f"  and {warm['all']:.3f} s with the distance, {cold_seconds / warm['all']:.0f} times faster")
    frechet = frechet_times(args.dim)
    say(
        f"Fréchet distance, d = {args.dim}: {frechet['ours_seconds']:.2f} s, through sqrtm "
        f"{frechet['sqrtm_seconds']:.2f} s, {frechet['ratio']:.1f} times; relative difference "
        f"{frechet['relative_difference']:.1e}"
    )
    return {
        "engine": engine,
        "rates": rates,
        "results": results,
        "differences": differences,
        "warm": warm,
        "frechet": frechet,
    }


def warm_times(work: Work, root: Path, times: int) -> dict[str, float]:
    """Seconds of a second scoring, all features cached: the best of `times`, without loading weights."""
    extractor = load_clean(work.script)
    items = [Item(path) for path in sorted(work.pictures.iterdir())]
    passes, wholes = [], []
    for _ in range(times):
        start = time.perf_counter()
        rows = image_features(items, [extractor], root=root).features["inception"]
        read = np.asarray(rows)
        passes.append(time.perf_counter() - start)
        moments = Moments.of(read)
        frechet_distance(moments.mean, moments.covariance, work.mean, work.covariance)
        wholes.append(time.perf_counter() - start)
    return {"pass": min(passes), "all": min(wholes)}


def fill_cache(work: Work, root: Path, fresh: int) -> None:
    """Random features for all but the first `fresh` pictures."""
    cache = FeatureCache(load_clean(work.script).identity, DIM, root=root)
    rng = np.random.default_rng(0)
    paths = sorted(work.pictures.iterdir())[fresh:]
    for start in range(0, len(paths), 500):
        hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths[start : start + 500]]
        if not cache.put_many([(sha256, rng.random(DIM, np.float32)) for sha256 in hashes]):
            raise SystemExit(f"{root} cannot be written to")


def measure_memory(args: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Peak memory in MiB at n and at 10 n pictures, each in a process of its own."""
    peaks = {}
    for n in (args.n, 10 * args.n):
        work = prepare(args.work, n, args.size)
        root = work.folder / f"memory-cache-{n}"
        shutil.rmtree(root, ignore_errors=True)
        fill_cache(work, root, args.fresh)
        command = [sys.executable, __file__, "--child", str(root), "--n", str(n)]
        command += ["--size", str(args.size), "--work", str(args.work)]
        peaks[n] = float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        say(f"{n} pictures: peak memory {peaks[n]:.0f} MiB")
        shutil.rmtree(root)
    growth = peaks[10 * args.n] / peaks[args.n] - 1
    say(f"growth: {growth:+.1%}")
    return {"peak_mib": peaks, "growth": growth}


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=2000, help="pictures")
    parser.add_argument("--size", type=int, help="pixels of a side (256; with --memory 32)")
    parser.add_argument("--runs", type=int, default=3, help="rounds, in each of which everything runs once")
    parser.add_argument("--dim", type=int, default=DIM, help="dimension of the Fréchet distance timed alone")
    parser.add_argument("--work", type=Path, required=True, help="folder for pictures, weights and caches")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--fresh", type=int, default=64, help="with --memory, pictures without features")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    args.size = args.size or (32 if args.memory or args.child else 256)
    if args.child:
        ours(prepare(args.work, args.n, args.size), args.child)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return

    def say(line: str) -> None:
        print(line, flush=True)

    found = (measure_memory if args.memory else measure_speed)(args, say)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
