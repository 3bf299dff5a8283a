"""Observers who see as though models were linear: hand-made sets do not say more of models."""

from pdpsych.experiments import ObserverSpec

LN = ObserverSpec(model="LN", local=True)
LGN = ObserverSpec(model="LGN", local=True)
