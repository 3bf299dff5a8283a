from .definition import Analysis as Analysis
from .definition import open_analyses as open_analyses
from .definition import open_analysis as open_analysis
from .figures.agreement import plot_agreement as plot_agreement
from .figures.comparisons import plot_threshold_map as plot_threshold_map
from .figures.predictions import plot_predicted as plot_predicted
from .figures.predictions import plot_predictive as plot_predictive
from .figures.psychometric import plot_psychometric as plot_psychometric
from .figures.quality import plot_dropped_frames as plot_dropped_frames
from .figures.quality import plot_residuals_by_order as plot_residuals_by_order
from .figures.quality import plot_residuals_by_signal as plot_residuals_by_signal
from .figures.quality import plot_response_times as plot_response_times
from .figures.ratios import plot_images as plot_images
from .figures.ratios import plot_log_ratios as plot_log_ratios
from .figures.scores import plot_scores as plot_scores
from .figures.sides import plot_sides as plot_sides
from .fitting.fit import Fit as Fit
from .fitting.fit import fit as fit
from .fitting.trials import Trials as Trials
from .fitting.trials import read_trials as read_trials
from .layers.figures import plot_layers as plot_layers
from .layers.figures import plot_shares as plot_shares
from .layers.layers import LayerRatios as LayerRatios
from .layers.layers import layer_ratios as layer_ratios
from .layers.variance import describe_shares as describe_shares
from .layers.variance import variance_shares as variance_shares
from .planning.plan import Plan as Plan
from .planning.plan import plan as plan
from .reporting.report import report as report
from .scoring.added_models import AddedModels as AddedModels
from .scoring.added_models import add_models as add_models
from .scoring.leaderboard import add_to_leaderboard as add_to_leaderboard
from .scoring.leaderboard import read_leaderboard as read_leaderboard
from .scoring.score import score as score
from .scoring.scores import Scores as Scores

__all__ = [
    "AddedModels",
    "Analysis",
    "Fit",
    "LayerRatios",
    "Plan",
    "Scores",
    "Trials",
    "add_models",
    "add_to_leaderboard",
    "describe_shares",
    "fit",
    "layer_ratios",
    "open_analyses",
    "open_analysis",
    "plan",
    "plot_agreement",
    "plot_dropped_frames",
    "plot_images",
    "plot_layers",
    "plot_log_ratios",
    "plot_predicted",
    "plot_predictive",
    "plot_psychometric",
    "plot_residuals_by_order",
    "plot_residuals_by_signal",
    "plot_response_times",
    "plot_scores",
    "plot_shares",
    "plot_sides",
    "plot_threshold_map",
    "read_leaderboard",
    "read_trials",
    "report",
    "score",
    "variance_shares",
]
