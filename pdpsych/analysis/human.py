"""Log sensitivity ratios of people, one by one and together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdpsych.analysis.fit import Fit
from pdpsych.analysis.likelihood import Floats
from pdpsych.analysis.trials import CONDITION
from pdpsych.errors import InputError

EVERYONE = "all"


@dataclass(frozen=True)
class HumanRatios:
    """Posterior samples of log τ(v) − log τ(u).

    Attributes
    ----------
    pairs
        image, pair, kind of each of K pairs that somebody has both thresholds of.
    participants
        Labels of the P participants.
    samples
        (samples, P, K), nats; not-a-number where a participant lacks a threshold.
    """

    pairs: pd.DataFrame
    participants: list[str]
    samples: Floats

    def pool(self, rng: np.random.Generator) -> Floats:
        """Return samples of the mean over participants, (samples, K).

        Trials: each sample averages one posterior sample of every participant. Participants:
        whole participants are drawn again with replacement; their deviations from the mean are
        scaled to the variance that remains between participants once that of the posterior is
        taken off, and by P/(P − 1). One participant has no variance between participants: the
        result then speaks of that participant only.
        """
        average = np.nanmean(self.samples, axis=1)
        present = ~np.isnan(self.samples[0])
        count, total = present.sum(axis=0), len(self.participants)
        if total < 2:
            return np.asarray(average)
        estimate = self.samples.mean(axis=0)
        deviation = np.where(present, estimate - np.nanmean(estimate, axis=0), 0.0)
        scatter = (deviation**2).sum(axis=0)[count > 1] / (count[count > 1] - 1)
        noise = np.nanmean(self.samples.var(axis=0), axis=0)[count > 1]
        share = max(0.0, 1 - noise.sum() / scatter.sum()) if scatter.sum() > 0 else 0.0
        # A participant who lacks a pair has deviation 0 there; the others stand for it.
        reach = deviation * np.sqrt(share * total / (total - 1)) * (total / count)
        drawn = rng.multinomial(total, np.full(total, 1 / total), size=len(average))
        return np.asarray(average + drawn / total @ reach)


def human_ratios(fit: Fit, pairs: pd.DataFrame) -> HumanRatios:
    """Return log τ(v) − log τ(u) of every participant for pairs with columns image, pair, kind.

    Thresholds that trials do not determine count as missing: they would put the ratio near that
    of the other conditions, to the advantage of models that predict just that.

    Raises
    ------
    InputError
        If nobody has measured both distortions of a pair.
    """
    participants = list(fit.posteriors)
    measured_rows = fit.thresholds[fit.thresholds["measured"]][CONDITION]
    index = {tuple(condition): row for row, *condition in measured_rows.itertuples(name=None)}
    samples = np.full((len(fit.samples), len(participants), len(pairs)), np.nan)
    for k, (image, pair) in enumerate(zip(pairs["image"], pairs["pair"], strict=True)):
        for p, who in enumerate(participants):
            u, v = (index.get((who, image, pair, number)) for number in (1, 2))
            if u is not None and v is not None:
                samples[:, p, k] = fit.samples[:, v] - fit.samples[:, u]
    measured = ~np.isnan(samples[0]).all(axis=0)
    if not measured.any():
        raise InputError(
            f"{fit.analysis['name']}: no pair has thresholds for both of its distortions that the "
            "trials determine; run more sessions"
        )
    return HumanRatios(
        pairs[measured].reset_index(drop=True), participants, samples[:, :, measured]
    )


def ratio_table(ratios: HumanRatios, everyone: Floats, level: float) -> pd.DataFrame:
    """Return log_ratio, sd, low, high per participant and pair, and for everyone together."""
    blocks = {name: ratios.samples[:, p] for p, name in enumerate(ratios.participants)}
    frames = []
    for name, samples in (blocks | {EVERYONE: everyone}).items():
        seen = ~np.isnan(samples[0])
        mean, sd, low, high = summary(samples[:, seen], level)
        frames.append(
            ratios.pairs[seen].assign(log_ratio=mean, sd=sd, low=low, high=high, participant=name)
        )
    table = pd.concat(frames, ignore_index=True)
    return table[["participant", "image", "pair", "kind", "log_ratio", "sd", "low", "high"]]


def summary(samples: Floats, level: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return mean, sd, and the ends of the interval over the first axis."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return samples.mean(axis=0), samples.std(axis=0), low, high
