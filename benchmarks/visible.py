"""What a search at visible amplitudes gains: ``python benchmarks/visible.py [WHAT/PICTURE ...]``.

What: ``early``, the four early visual models in grey; ``random`` and ``trained``, twelve layers of
EfficientNet-Lite0 and -Lite1 with random weights and trained on ImageNet; ``trainings``, twelve
layers of Lite0, six trained and six random. Pictures at 64 pixels: ``cat``, ``astronaut``,
``coffee``. Networks need the packages that ``benchmarks/networks.py`` names.

For each: the objective locally and at amplitudes, of the local pair (its frames inside the gamut)
and of the one made for RMS 0.01, by how much the latter is better at that amplitude and at least
between half and twice of it, CPU of both searches, |cos| of the pictures, and how the search ended.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import search
import torch

from pdpsych import geometry
from pdpsych.geometry.solvers.disagreement import contrast
from pdpsych.geometry.visible.gamut import Gamut
from pdpsych.geometry.visible.objective import Objective
from pdpsych.models import Representation

AMPLITUDE, ITERATIONS = 0.01, 60
SHOWN = (0.002, 0.01, 0.05)
BETWEEN = np.geomspace(0.5, 2, 9)
QUESTIONS: dict[str, Callable[[], list[Representation]]] = {
    "early": search.early,
    "random": search.random_lites,
    "trained": search.trained,
    "trainings": search.trainings,
}
PICTURES = ("cat", "astronaut", "coffee")


def main() -> None:
    torch.set_num_threads(1)
    shown = "".join(f"{f'RMS {rms:g}':>16}" for rms in SHOWN)
    print(f"F of the local pair → of the one made for RMS {AMPLITUDE:g}")
    print(f"{'':24}{'locally':>9}{shown}{'gain':>7}{'least':>7}{'CPU':>14}{'|cos|':>12}  ended by")
    asked = sys.argv[1:] or [f"{name}/{picture}" for name in QUESTIONS for picture in PICTURES]
    for problem in asked:
        print(row(*problem.split("/")), flush=True)


def row(name: str, picture: str) -> str:
    """Return what is measured of a question at a picture."""
    image = search.photograph(picture, 64, colour=name != "early")
    space = geometry.DistortionSpace(image, window=0.85 if name == "early" else None)
    budget = geometry.Budget(iterations=ITERATIONS)
    begin = time.process_time()
    local = geometry.LocalGeometry(QUESTIONS[name](), image, floor=search.FLOOR)
    pair = geometry.principal_distortions_at(local, space=space, budget=budget)
    between = time.process_time()
    found = geometry.visible_distortions_at(
        local, AMPLITUDE, local=pair, space=space, budget=budget
    )
    end = time.process_time()
    objective = Objective(local, contrast(range(len(local.names))), 1.0)
    old = Gamut.of(image, space, AMPLITUDE).nearest(pair.distortions)
    curves = [
        objective.values(objective.squares(p, [*SHOWN, *AMPLITUDE * BETWEEN]))
        for p in (old, found.distortions)
    ]
    columns = "".join(f"{a:8.2f} →{b:6.2f}" for a, b, _ in zip(*curves, SHOWN, strict=False))
    gains = (curves[1] / curves[0])[len(SHOWN) :]
    rows = [p.distortions.flatten(1).double() for p in (found, pair)]
    alike = (rows[0] @ rows[1].T).abs()
    # Which of both is called ε₁ may change with the amplitude.
    cosines = max(alike.diag(), alike.flip(1).diag(), key=lambda each: float(each.sum()))
    certificate = found.certificate
    return (
        f"{f'{name}/{picture}':24}{pair.objective:9.2f}{columns}"
        f"{gains[len(BETWEEN) // 2]:7.2f}{gains.min():7.2f}"
        f"{between - begin:7.1f}{end - between:7.1f}"
        f"{cosines[0]:6.2f}{cosines[1]:6.2f}"
        f"  {certificate.stopped} ({certificate.iterations}, {certificate.start})"
    )


if __name__ == "__main__":
    main()
