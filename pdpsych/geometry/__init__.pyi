from .finite.finite_responses import FiniteResponses as FiniteResponses
from .finite.finite_responses import finite_responses as finite_responses
from .finite.finite_responses import finite_responses_at as finite_responses_at
from .finite.response_curves import ResponseCurves as ResponseCurves
from .linearization import AutogradLinearization as AutogradLinearization
from .linearization import Linearization as Linearization
from .local import LocalGeometry as LocalGeometry
from .noise.categorical import Categorical as Categorical
from .noise.correlated_gaussian import CorrelatedGaussian as CorrelatedGaussian
from .noise.gaussian import Gaussian as Gaussian
from .noise.noise_model import NoiseModel as NoiseModel
from .noise.poisson import Poisson as Poisson
from .noise.response_variance import ResponseVariance as ResponseVariance
from .padding import PaddingInfluence as PaddingInfluence
from .padding import padding_influence as padding_influence
from .padding import padding_influence_at as padding_influence_at
from .sensitivities import log_ratio as log_ratio
from .sensitivities import metric as metric
from .sensitivities import sensitivity as sensitivity
from .solvers.budget import Budget as Budget
from .solvers.certificate import Certificate as Certificate
from .solvers.eigen import EigenDistortions as EigenDistortions
from .solvers.eigen import eigen_distortions as eigen_distortions
from .solvers.eigen import eigen_distortions_at as eigen_distortions_at
from .solvers.eigen import generalized_eigen_distortions as generalized_eigen_distortions
from .solvers.measured import Rival as Rival
from .solvers.principal import PrincipalDistortions as PrincipalDistortions
from .solvers.principal import principal_distortions as principal_distortions
from .solvers.principal import principal_distortions_at as principal_distortions_at
from .space import DistortionSpace as DistortionSpace
from .visible.certificate import VisibleCertificate as VisibleCertificate
from .visible.distortions import VisibleDistortions as VisibleDistortions
from .visible.distortions import visible_distortions as visible_distortions
from .visible.distortions import visible_distortions_at as visible_distortions_at

__all__ = [
    "AutogradLinearization",
    "Budget",
    "Categorical",
    "Certificate",
    "CorrelatedGaussian",
    "DistortionSpace",
    "EigenDistortions",
    "FiniteResponses",
    "Gaussian",
    "Linearization",
    "LocalGeometry",
    "NoiseModel",
    "PaddingInfluence",
    "Poisson",
    "PrincipalDistortions",
    "ResponseCurves",
    "ResponseVariance",
    "Rival",
    "VisibleCertificate",
    "VisibleDistortions",
    "eigen_distortions",
    "eigen_distortions_at",
    "finite_responses",
    "finite_responses_at",
    "generalized_eigen_distortions",
    "log_ratio",
    "metric",
    "padding_influence",
    "padding_influence_at",
    "principal_distortions",
    "principal_distortions_at",
    "sensitivity",
    "visible_distortions",
    "visible_distortions_at",
]
