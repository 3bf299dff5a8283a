"""Local geometry of representations: sensitivities, the metric, and the solvers."""

from pdpsych.geometry.linear_range import Linearity, linearity, linearity_at
from pdpsych.geometry.linearization import AutogradLinearization, Linearization
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.metric import log_ratio, metric
from pdpsych.geometry.noise import (
    Categorical,
    CorrelatedGaussian,
    Gaussian,
    NoiseModel,
    Poisson,
    ResponseVariance,
)
from pdpsych.geometry.sensitivities import sensitivity
from pdpsych.geometry.solvers.certificate import Certificate
from pdpsych.geometry.solvers.eigen import (
    EigenDistortions,
    eigen_distortions,
    eigen_distortions_at,
    generalized_eigen_distortions,
)
from pdpsych.geometry.solvers.principal import (
    PrincipalDistortions,
    principal_distortions,
    principal_distortions_at,
)
from pdpsych.geometry.space import DistortionSpace

__all__ = [
    "AutogradLinearization",
    "Categorical",
    "Certificate",
    "CorrelatedGaussian",
    "DistortionSpace",
    "EigenDistortions",
    "Gaussian",
    "Linearity",
    "Linearization",
    "LocalGeometry",
    "NoiseModel",
    "Poisson",
    "PrincipalDistortions",
    "ResponseVariance",
    "eigen_distortions",
    "eigen_distortions_at",
    "generalized_eigen_distortions",
    "linearity",
    "linearity_at",
    "log_ratio",
    "metric",
    "principal_distortions",
    "principal_distortions_at",
    "sensitivity",
]
