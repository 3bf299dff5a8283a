"""What is known of how far each model is from the human."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pdpsych.analysis.prediction.columns import PREDICTION
from pdpsych.analysis.prediction.lines import in_nats, predicted_lines, ranked_lines
from pdpsych.analysis.scoring.columns import SCORE
from pdpsych.analysis.scoring.conclusion import deciding_kind, predicts
from pdpsych.analysis.scoring.questions import NO_PART
from pdpsych.analysis.scoring.separation import gain_over_random
from pdpsych.analysis.scoring.sides import declared
from pdpsych.analysis.words import counted
from pdpsych.analysis.written import check_written, record_written
from pdpsych.common import tables
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LINES = 18
_TABLES = SCORE | PREDICTION


SCHEMA = Schema("score", 5, "score again: pdpsych score ANALYSIS.yaml")


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Result):
    """How far each model is from the human, in three ways; the first is to be trusted most.

    - The predictive score is the log probability of people's answers to each image at the
      amplitudes and signs shown, under the model and what the other images tell of the person.
    - The score at threshold of a pair is |x_model − x_human|, x_model = log τ(v) − log τ(u) of the
      thresholds that the model predicts.
    - The local score is the same with x_model the log ratio of the model's sensitivities, its
      slopes at amplitude 0 (equation 1 of Feather et al. 2025).

    The first two need to know what models see at visible amplitudes; without, their tables are
    empty. Noise in x_human makes distances larger on average, never smaller: ``raw_score`` of a
    model that is right is not 0 but about ``expected_perfect``. The score of a model is its mean
    distance with that noise taken off. Where trials or models give a ratio no more than a bound,
    scores are at least what is reported.

    Attributes
    ----------
    level
        Probability of the intervals.
    source
        As in :class:`Fit`; with ``models``: of each, whether it took part in choosing the
        distortions, and the SHA-256 of its weights ("" if it has none).
    human
        Log sensitivity ratio per participant, image and pair, with sd and interval, or its bound;
        the rows of participant "all" are the mean over participants, with the uncertainty of
        trials and participants.
    scores
        Score and signed error per image, pair and model, with intervals.
    ranking
        Per kind of distortion: mean and median score over images with intervals that carry
        trials, participants and images; rank, or the best and worst that bounds leave; paired
        difference to the best model.
    sides
        On whose side people are, for every two models: by predicted thresholds, by local
        sensitivities where they are not known. What is declared rests on it.
    ceiling
        Noise ceiling: participants against each other.
    separation
        How far apart, and how surely, each kind of distortions puts the models.
    predictive, predictive_ranking
        Log probability per trial of each image and model; its mean over images with intervals,
        rank, and how much less it is than that of the best model.
    predictive_ceiling
        The same of people predicted by the thresholds of all and of the others.
    at_threshold, at_threshold_ranking
        As ``scores`` and ``ranking``, of predicted thresholds; which of them are bounds, and
        whether people's thresholds tell the efficiency k of d′ = k D.
    conclusion
        The ranking on principal distortions in words.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> scores = analysis.score("study", write=False)
    >>> scores
    <Scores: LGN first of 3 models on 3 images>
    >>> principal = scores.ranking.query("kind == 'principal'")
    >>> principal[["rank", "model", "score"]].round(1)
       rank model  score
    0     1   LGN    0.1
    1     2    LG    1.3
    2     3    LN    2.8
    >>> scores == analysis.Scores.from_json(scores.to_json("copy.json"))
    True
    """

    level: float
    source: dict[str, Any]
    human: pd.DataFrame
    scores: pd.DataFrame
    ranking: pd.DataFrame
    sides: pd.DataFrame
    ceiling: pd.DataFrame
    separation: pd.DataFrame
    predictive: pd.DataFrame
    predictive_ranking: pd.DataFrame
    predictive_ceiling: pd.DataFrame
    at_threshold: pd.DataFrame
    at_threshold_ranking: pd.DataFrame
    conclusion: str

    @property
    def deciding(self) -> pd.DataFrame:
        """Ranking by the score that is trusted most, on the kind of distortions that decides."""
        kind = deciding_kind(self.ranking["kind"])
        rows = self.predictive_ranking[self.predictive_ranking["kind"] == kind]
        rows = rows if predicts(rows) else self.ranking[self.ranking["kind"] == kind]
        return rows.reset_index(drop=True)

    @property
    def closest(self) -> str:
        """The model declared the closest on the kind of distortions that decides, "" if none is."""
        kind = deciding_kind(self.ranking["kind"])
        return declared(self.sides[self.sides["kind"] == kind], list(self.deciding["model"]))

    def describe(self) -> str:
        """Give the rankings of each kind of distortion and the conclusion."""
        parts = []
        kinds = list(dict.fromkeys(self.ranking["kind"]))
        listed = max(4, _MOST_LINES // len(kinds))
        for kind in kinds:
            parts += predicted_lines(self, kind, listed) + self._local_lines(kind, listed)
        if not self.ranking["took_part"].all():
            parts.append(f"{NO_PART.strip()}: the distortions were chosen by other models")
        gain = gain_over_random(self.separation)
        return "\n".join([*parts, *filter(None, [gain]), self.conclusion])

    def _local_lines(self, kind: str, listed: int) -> list[str]:
        rows = self.ranking[self.ranking["kind"] == kind]
        asked = self.source.get("questions", {})
        about = f" ({asked[kind]})" if kind in asked else ""
        local = ", local" if len(self.predictive_ranking) else ""
        head = (
            f"mean score on {kind} distortions{about}{local}, {100 * self.level:g} % interval, nats"
        )
        texts = [in_nats(row) for _, row in rows.iterrows()]
        return [head, *ranked_lines(rows, texts, listed, "ranking.csv")]

    def _line(self) -> str:
        rows = self.deciding
        images = counted(rows["images"].iloc[0], "image")
        return f"{rows['model'].iloc[0]} first of {counted(len(rows), 'model')} on {images}"

    def plot(self, *, kind: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw each model's local score on one kind of distortions.

        Parameters
        ----------
        kind
            Kind of distortions, by default the one that decides.
        ax
            Axes to draw on, new ones by default.
        """
        from pdpsych.analysis.figures.scores import plot_scores

        kind = kind or deciding_kind(self.ranking["kind"])
        return plot_scores(self.ranking, self.ceiling, kind=kind, level=self.level, ax=ax)

    def plot_predictive(self, *, kind: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw how much worse than the best each model predicts answers.

        Parameters
        ----------
        kind
            Kind of distortions, by default the one that decides.
        ax
            Axes to draw on, new ones by default.

        Raises
        ------
        InputError
            If nothing is known of the models at visible amplitudes.
        """
        from pdpsych.analysis.figures.predictions import plot_predictive

        kind = kind or deciding_kind(self.ranking["kind"])
        if kind not in set(self.predictive_ranking["kind"]):
            raise InputError(
                "no predictive score: the set does not say what models see at visible amplitudes",
                field="kind",
                value=kind,
                remedy="run pdpsych respond SET, then score again",
            )
        return plot_predictive(self.predictive_ranking, kind=kind, level=self.level, ax=ax)

    def to_json(self, path: str | Path) -> Path:
        """Write the scores.

        Parameters
        ----------
        path
            File to write.
        """
        frames = {name: tables.to_plain(getattr(self, name)) for name in _TABLES}
        return SCHEMA.write(path, vars(self) | frames)

    @classmethod
    def from_json(cls, path: str | Path) -> Scores:
        """Read scores written by :meth:`to_json`.

        Parameters
        ----------
        path
            File to read; refused in a results folder where it was edited.
        """
        check_written(Path(path))
        with SCHEMA.reading(path) as data:
            del data["schema_version"]
            return cls(**data | {name: tables.from_plain(data[name]) for name in _TABLES})

    def put_into(self, folder: Path) -> list[Path]:
        """Write score.json, and each table as .csv with a data dictionary .json beside it.

        The lock of the folder is to be held meanwhile.
        """
        written = [
            tables.write_table(folder, name, getattr(self, name), columns)
            for name, columns in _TABLES.items()
        ]
        return record_written(folder, [self.to_json(folder / "score.json"), *written])
