"""Time of showing a trial and of calibrating a set, beside the same steps in float64.

``python benchmarks/display.py`` composes pairs of 512×512 colour frames with their realised
amplitude, each way in the same run on one core, then calibrates two sets of 100 conditions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np

from pdpsych.displays import Display, show
from pdpsych.displays.dither import Dither
from pdpsych.displays.encoding import linear_from_srgb, srgb_from_linear
from pdpsych.stimuli import NewImage, NewPair, StimulusSet, calibrate

WAYS = (("srgb", "srgb"), ("srgb", 2.2), ("linear", 2.2))


def step_by_step(
    image: np.ndarray, distortion: np.ndarray, amplitude: float, display: Display, encoding: str
) -> float:
    """Show a pair with uniform dither, whole arrays in float64; return the realised amplitude."""
    curve, rng = display.curve, np.random.default_rng(0)
    table = np.arange(256) / 255
    seen = linear_from_srgb(table) if curve == "srgb" else table**curve
    seen = srgb_from_linear(seen) if encoding == "srgb" else seen
    base, direction = image.astype(float), distortion.astype(float)
    frames = []
    for wanted in (base + amplitude * direction, base):
        inside = np.clip(wanted, 0, 1)
        levels = inside
        if curve != encoding:
            linear = linear_from_srgb(inside) if encoding == "srgb" else inside
            levels = srgb_from_linear(linear) if curve == "srgb" else linear ** (1 / curve)
        noise = rng.uniform(-0.5, 0.5, levels.shape)
        shown = np.clip(np.floor(levels * 255 + noise + 0.5), 0, 255).astype(np.uint16)
        frames.append(shown)
    added = seen[frames[0]] - seen[frames[1]]
    realised = float(np.vdot(added, direction))
    np.sqrt(np.mean((added - realised * direction) ** 2))
    np.mean((base + amplitude * direction < 0) | (base + amplitude * direction > 1))
    return realised


def best_ms(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest of several times, in ms."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def frames(repeats: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0.2, 0.8, (3, 512, 512)).astype(np.float32)
    distortion = rng.standard_normal(image.shape).astype(np.float32)
    distortion /= np.linalg.norm(distortion)
    print("a pair of 512×512 colour frames with realised amplitude, ms")
    print(f"{'image':<8}{'display':<9}{'dither':<17}{'pdpsych':>8}{'float64':>9}{'ratio':>7}")
    for encoding, curve in WAYS:
        for dither in get_args(Dither):
            display = Display(curve=curve, dither=dither)
            own = best_ms(
                lambda d=display, e=encoding: show(
                    image, distortion, 8.0, d, e, np.random.default_rng(0)
                ),
                repeats,
            )
            line = f"{encoding:<8}{curve!s:<9}{dither:<17}{own:8.1f}"
            if dither == "uniform":
                slow = best_ms(
                    lambda d=display, e=encoding: step_by_step(image, distortion, 8.0, d, e),
                    max(2, repeats // 4),
                )
                line += f"{slow:9.1f}{slow / own:7.1f}"
            print(line)


def noise_set(folder: Path, shape: tuple[int, int, int], images: int, pairs: int) -> StimulusSet:
    """Make a set of noise images with white distortions."""
    rng = np.random.default_rng(0)

    def pair() -> NewPair:
        both = rng.standard_normal((2, *shape))
        both /= np.sqrt((both**2).sum(axis=(1, 2, 3), keepdims=True))
        return NewPair(*both, sensitivities={"A": (1, 2)})

    made = {
        f"image-{i}": NewImage(
            rng.uniform(0.2, 0.8, shape), {f"random-{p}": pair() for p in range(pairs)}
        )
        for i in range(images)
    }
    return StimulusSet.create(folder, made)


def calibrations() -> None:
    print("\ncalibrating 100 conditions, 8 bits, sRGB image on a display of exponent 2.2")
    for shape in ((1, 224, 224), (3, 512, 512)):
        with tempfile.TemporaryDirectory() as folder:
            opened = noise_set(Path(folder) / "set", shape, images=10, pairs=5)
            start = time.perf_counter()
            found = calibrate(opened, Display(curve=2.2))
            seconds = time.perf_counter() - start
            tried = sum(len(c.steps) for c in found.conditions)
            print(f"{'×'.join(map(str, shape)):<12}{seconds:6.1f} s  ({tried} amplitudes, 2 signs)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=12)
    frames(parser.parse_args().repeats)
    calibrations()


if __name__ == "__main__":
    main()
