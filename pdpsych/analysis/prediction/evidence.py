"""What predictions are made from, and whose answers they are held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.observations import progress_of
from pdpsych.analysis.names import Floats
from pdpsych.analysis.prediction.efficiency_tables import Answers
from pdpsych.analysis.prediction.predictive import log_probabilities
from pdpsych.analysis.prediction.seen import Responses, Seen

_ORDER = ["image", "pair", "distortion", "order"]


@dataclass(frozen=True)
class Evidence:
    """The answers of people, and what models see of what they were shown.

    Attributes
    ----------
    trials
        Columns participant, order, image, pair, distortion, sign, amplitude, correct.
    responses
        Of each model in each condition.
    """

    trials: pd.DataFrame
    responses: Responses

    def timed(self) -> pd.DataFrame:
        """Return the trials with the column progress, −½ the first of a participant to ½."""
        if self.trials["order"].isna().all():
            return self.trials.assign(progress=0.0)
        progress = self.trials.groupby("participant")["order"].transform(progress_of)
        return self.trials.assign(progress=progress)


@dataclass(frozen=True)
class Predictions:
    """How well answers were predicted, by image.

    Attributes
    ----------
    models, participants, images
        Names of M, P and I.
    log_probability
        Of a participant's answers to an image, (M, P, I), in nats; not a number where there are
        none.
    trials
        Their number, (P, I).
    """

    models: list[str]
    participants: list[str]
    images: list[str]
    log_probability: Floats
    trials: Floats

    @property
    def by_image(self) -> Floats:
        """Log probability per trial of all participants, (M, I)."""
        return np.asarray(np.nansum(self.log_probability, axis=1) / self.trials.sum(axis=0))

    @property
    def by_participant(self) -> Floats:
        """Log probability per trial, (M, P, I); not a number where there are no trials."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.log_probability / self.trials)


def predict(fit: Fit, seen: Seen) -> Predictions:
    """Predict the answers to each image from those to the other images.

    Parameters
    ----------
    seen
        Of trials with the column progress.
    """
    participants, images = list(fit.posteriors), sorted(set(seen.trials["image"]))
    found = np.full((len(seen.models), len(participants), len(images)), np.nan)
    trials = np.zeros(found.shape[1:])
    for p, participant in enumerate(participants):
        own = seen.select((seen.trials["participant"] == participant).to_numpy())
        if own.trials.empty:
            continue
        answers, log_response, names = sorted_answers(fit, participant, own)
        here = [images.index(name) for name in names]
        found[:, p, here] = log_probabilities(log_response, answers)
        trials[p, here] = np.bincount(answers.image[answers.condition])
    return Predictions(seen.models, participants, images, found, trials)


def sorted_answers(fit: Fit, participant: str, seen: Seen) -> tuple[Answers, Floats, list[str]]:
    """Return a participant's answers, log D without what learning makes of it, and the images."""
    order = seen.trials.sort_values(_ORDER, kind="stable").index.to_numpy()
    rows = seen.trials.iloc[order]
    condition = rows.groupby(_ORDER[:3], sort=True).ngroup().to_numpy()
    first = np.flatnonzero(np.diff(condition, prepend=-1))
    names, image = np.unique(rows["image"].to_numpy(dtype=str)[first], return_inverse=True)
    posterior = fit.posterior(participant)
    shared = posterior.shared
    learnt = float(shared.learning) * rows["progress"].to_numpy()
    answers = Answers(
        condition,
        rows["correct"].to_numpy(bool),
        image,
        float(shared.lapse),
        posterior.observations.link,
    )
    return answers, seen.log_response[:, order] - learnt, names.tolist()
