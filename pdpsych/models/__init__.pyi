from .derivative import check_derivatives as check_derivatives
from .derivative_check import DerivativeCheck as DerivativeCheck
from .early_vision import CHANNELS as CHANNELS
from .early_vision import Channel as Channel
from .early_vision import EarlyVisualModel as EarlyVisualModel
from .early_vision import GainControl as GainControl
from .fetching import FetchedNetwork as FetchedNetwork
from .fetching import FetchedNetworks as FetchedNetworks
from .fetching import fetch as fetch
from .known_models import KnownCheckpoint as KnownCheckpoint
from .known_models import KnownModels as KnownModels
from .known_models import known as known
from .layer_list import Layers as Layers
from .layer_list import layers as layers
from .network import ModuleNetwork as ModuleNetwork
from .network_look import LayerResponse as LayerResponse
from .network_look import Look as Look
from .network_look import look as look
from .representation import Origin as Origin
from .representation import Representation as Representation
from .representation import from_module as from_module
from .representation import load as load
from .sources.checkpoint import LoadedWeights as LoadedWeights
from .sources.checkpoint import load_weights as load_weights
from .taps.layer_use import LayerUse as LayerUse

__all__ = [
    "CHANNELS",
    "Channel",
    "DerivativeCheck",
    "EarlyVisualModel",
    "FetchedNetwork",
    "FetchedNetworks",
    "GainControl",
    "KnownCheckpoint",
    "KnownModels",
    "LayerResponse",
    "LayerUse",
    "Layers",
    "LoadedWeights",
    "Look",
    "ModuleNetwork",
    "Origin",
    "Representation",
    "check_derivatives",
    "fetch",
    "from_module",
    "known",
    "layers",
    "load",
    "load_weights",
    "look",
]
