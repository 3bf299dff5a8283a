"""Noise models: how a deterministic response becomes a distribution p(r|s).

A noise model turns response tangents J u into whitened tangents whose squared length is the
Fisher information uᵀ I(s) u. All that is local needs only this linear map and its adjoint. Where
changes are not small there is a distance D of responses on the scale on which their noise has unit
variance: the d′ of an ideal observer where noise is Gaussian and fixed, and approximately so where
many responses change, each little compared with its noise. Recipes know noise models by the names
in :data:`pdpsych.models.registry.NOISE_MODELS`.
"""
