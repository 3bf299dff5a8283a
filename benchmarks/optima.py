"""Principal distortions of small cases against dense optima: ``python benchmarks/optima.py``.

    python benchmarks/optima.py [--cases 1000] [--seed 0] [--only N ...] [--processes 2]
                                [--starts 40] [--json OUT]

Each case is a question to the solver with 64 to 256 pixels (``small_cases.py``), made from the seed
and its number, so that ``--only`` runs single ones again. What is found is held against the best of
many starts of a search of its own by dense algebra in float64 (``dense_optimum.py``):

    short      below the best known, by the definition of F at the distortions found
    false      "converged", and the gradient in the space is above 3 times the tolerance plus what
               rounding makes of it, and F rises from there by more than 1e-7 of it ("strict": the
               gradient is above 3 times the tolerance, whatever it brings)
    whole      "whole space", and it is not: the gradient is such, or a better pair is known
    outside    a distortion that the space does not allow
    wrong      log ratios or objective differ from their definition at the floor asked for by 1e-3
               in float32 (1e-8 in float64), without a flag (or with one)
    unflagged  a model without a floor that is blind, and nobody says so (false flag: no model is)

Without a floor and with a model that is blind, or nearly, to something, the supremum is infinite or
below what the arithmetic resolves: such a case is not judged by what it falls short. One thread
each; 1,000 cases take about twenty minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from dense_optimum import NEAR, Dense, Optimum, optima
from numpy.typing import NDArray
from slope import Slope
from small_cases import Case, case

from pdpsych import geometry
from pdpsych.common.errors import InputError

BUDGET = geometry.Budget(iterations=400)
# A gradient, relative to the tolerance, that is not converged.
SEVERAL = 3
# What log ratios and objective may be off; the share of a distortion that may be outside the space.
EXACT = {"float32": 1e-3, "float64": 1e-8}
OUTSIDE = {"float32": 1e-4, "float64": 1e-10}
# The share of F that makes a steep gradient more than a matter of the scale of directions.
LEAST_GAIN = 1e-7
# Power over mean power below which a response is rounding, and above which it surely is not.
ROUNDING = {"float32": 1e-12, "float64": 1e-15}
SEEN = {"float32": 1e-8, "float64": 1e-9}
# What rounding leaves of the standard deviation of log ratios of equal models.
EQUAL = {"float32": 1e-6, "float64": 1e-12}
COUNTED = (
    *("converged", "false", "strict", "whole", "wrong", "wrong_flagged"),
    *("unflagged", "false_flag", "outside", "refused", "crashed"),
)
GROUPS = ("floor", "dtype", "N", "space", "models")
Floats = NDArray[np.float64]
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="+")
    parser.add_argument("--starts", type=int, default=40)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    numbers = asked.only or range(asked.cases)
    begin, records = time.perf_counter(), []
    for record in _records(asked.seed, numbers, asked.starts, asked.processes):
        records.append(record)
        if asked.only or record["faults"]:
            print(_line(record), flush=True)
        if len(records) % 50 == 0:
            print(f"--- {len(records)} cases, {time.perf_counter() - begin:.0f} s", flush=True)
    records.sort(key=lambda record: record["number"])
    table = summary(records)
    print("\n" + table.to_string())
    if asked.json:
        head = {"seed": asked.seed, "starts": asked.starts, "cases": records}
        asked.json.write_text(
            json.dumps(head | {"summary": table.reset_index().to_dict("records")})
        )


def judged(seed: int, number: int, starts: int) -> Record:
    """Solve a case by both, and compare."""
    torch.set_num_threads(1)
    question = case(seed, number)
    wide = question.wide()
    begin = time.process_time()
    try:
        dense = Dense.of(wide.representations, wide.image, wide.floor, **wide.options)
    except InputError as error:
        return question.facts() | {"refused": str(error), "faults": []}
    blindness = dense.blindness() if question.floor == 0 else np.full(len(dense.grams), np.inf)
    finite = bool(blindness.min() > SEEN[question.dtype])
    best = optima(dense.grams, number, starts) if finite else []
    record = question.facts() | {
        "dimension": len(dense.basis),
        "finite": finite,
        "blindness": blindness.tolist() if question.floor == 0 else None,
        "optima": [{"objective": o.value, "starts": o.starts} for o in best],
        "dense_seconds": time.process_time() - begin,
    }
    record |= _solved(question, dense, best)
    flagged = bool(record.get("unbounded"))
    record["unflagged"] = (
        not flagged and "solved" in record and bool(blindness.min() < ROUNDING[question.dtype])
    )
    record["false_flag"] = flagged and finite
    faults = ("false", "whole", "wrong", "outside", "crashed", "unflagged", "false_flag")
    record["faults"] = [name for name in faults if record.get(name)]
    if record.get("short", 0) > 0.02:
        record["faults"].append("short")
    return record


def _solved(question: Case, dense: Dense, best: Sequence[Optimum]) -> Record:
    """Return what the product finds, and how good that is."""
    space = geometry.DistortionSpace(question.image, **question.options)
    begin = time.process_time()
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            found = geometry.principal_distortions(
                question.representations,
                question.image,
                floor=question.floor,
                space=space,
                seed=question.number,
                budget=BUDGET,
            )
    except InputError as error:
        return {"refused": str(error)}
    except Exception:
        return {"crashed": traceback.format_exc()}
    certificate, pair = found.certificate, found.distortions.double().flatten(1).numpy()
    told = {
        "solved": True,
        "seconds": time.process_time() - begin,
        "products": certificate.operator_applications,
        "iterations": certificate.iterations,
        "objective": found.objective,
        "log_ratios": found.log_ratios.tolist(),
        "converged": certificate.converged,
        "stopped": certificate.stopped,
        "told_gradient": certificate.gradient_norm,
        "unbounded": list(certificate.unbounded),
        "unresolved": list(getattr(certificate, "unresolved", ())),
        "warnings": sorted({str(w.message) for w in heard}),
    }
    return told | _compared(told, question, dense, best, pair)


def _compared(
    told: Record, question: Case, dense: Dense, best: Sequence[Optimum], pair: Floats
) -> Record:
    """Hold what the product says of a pair against its definition and the best known."""
    if not np.isfinite(pair).all():
        return {"crashed": "distortions are not finite"}
    with np.errstate(all="ignore"):
        x = dense.log_ratios(pair)
        errors = np.append(x - told["log_ratios"], np.var(x) - told["objective"])
    wrong = not bool(np.abs(errors).max() <= EXACT[question.dtype])
    flagged = bool(told["unbounded"] or told["unresolved"])
    result: Record = {
        "true_objective": float(np.var(x)),
        "error": float(np.abs(errors).max()),
        "wrong": wrong and not flagged,
        "wrong_flagged": wrong and flagged,
        "share_outside": dense.outside(pair),
        "outside": dense.outside(pair) > OUTSIDE[question.dtype],
    }
    if not best:
        return result
    equal = EQUAL[question.dtype]
    most, reached = best[0].value, float(np.var(x))
    short = 1 - reached / most if most**0.5 - reached**0.5 > equal else 0.0
    result |= {"short": short, "best": most if result["outside"] else max(most, reached)}
    if most**0.5 < 10 * equal:
        return result
    gradient, rounding, gain = _stationarity(question, dense, pair)
    steep = gradient > SEVERAL * (BUDGET.tolerance + rounding) and gain > LEAST_GAIN
    whole = told["stopped"] == "whole space"
    return result | {
        "gradient": gradient,
        "rounding": rounding,
        "local_gain": gain,
        "strict": told["converged"] and gradient > SEVERAL * BUDGET.tolerance,
        "false": told["converged"] and steep,
        "whole": whole and (steep or short > NEAR),
    }


def _stationarity(question: Case, dense: Dense, pair: Floats) -> tuple[float, float, float]:
    """Return the gradient over F at a pair, what rounding makes of it, and F's gain to a maximum.

    Rounding: of the distortions, seen at the maximum near them, and of the products.
    """
    exact = dense.gradient(pair)
    local = geometry.LocalGeometry(question.representations, question.image, floor=question.floor)
    block = torch.from_numpy(pair).to(question.image).reshape(2, *question.image.shape)
    slope = Slope.at(local, block).gradient.flatten(1).double().numpy()
    value, top = dense.maximum(pair)
    rounded = torch.from_numpy(top).to(question.image).double().numpy()
    errors = _longest(slope @ dense.basis.T - exact), _longest(dense.gradient(rounded))
    return _longest(exact), max(errors), value / dense.variance(pair) - 1


def _longest(gradients: Floats) -> float:
    return float(np.linalg.norm(gradients, axis=1).max())


def summary(records: Sequence[Record]) -> pd.DataFrame:
    """Return counts of faults, and of cases that are short, for all and by what a case is."""
    rows = {("all", ""): _counts(records)}
    for group in GROUPS:
        for value in sorted({record[group] for record in records}):
            rows[(group, value)] = _counts([r for r in records if r[group] == value])
    return pd.DataFrame(rows.values(), index=pd.MultiIndex.from_tuples(rows))


def _counts(records: Sequence[Record]) -> dict[str, object]:
    short = np.array([record["short"] for record in records if "short" in record])
    solved = [record for record in records if "solved" in record]

    def mean(members: Sequence[Record], name: str) -> float:
        return float(np.mean([record[name] for record in members])) if members else math.nan

    return {
        "cases": len(records),
        "judged": len(short),
        **{f">{100 * limit:g}%": int((short > limit).sum()) for limit in (0.02, 0.01, 0.001)},
        **{name: sum(bool(record.get(name)) for record in records) for name in COUNTED},
        "products": round(mean(solved, "products"), 1),
        "seconds": round(mean(solved, "seconds"), 2),
    }


def _line(record: Record) -> str:
    facts = ", ".join(str(record[name]) for name in ("source", "floor", "dtype", "space", "models"))
    parts = [f"{record['number']:4d}  N {record['N']}  {facts}: {' '.join(record['faults'])}"]
    if "best" in record:
        share = f"{100 * record['short']:.2g} % below the best known, {record['best']:.5g}"
        parts.append(f"F {record['true_objective']:.5g}, {share}")
    if "gradient" in record:
        parts.append(f"gradient {record['gradient']:.1e}, rounding {record['rounding']:.1e}")
    if "solved" in record:
        parts.append(f"{record['stopped']}, error {record['error']:.1e}")
    for name in ("crashed", "refused"):
        if name in record:
            parts.append(str(record[name]).strip().splitlines()[-1])
    return "; ".join(parts)


def _records(seed: int, numbers: Sequence[int], starts: int, processes: int) -> Iterator[Record]:
    if processes == 1:
        yield from (judged(seed, number, starts) for number in numbers)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        tasks = [pool.submit(judged, seed, number, starts) for number in numbers]
        for task in as_completed(tasks):
            yield task.result()


if __name__ == "__main__":
    main()
