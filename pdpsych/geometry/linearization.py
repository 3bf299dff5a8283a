"""A network linearised at one image: the forward pass is done once, products many times."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.affine import AffineOperations
from pdpsych.geometry.machine import REDUCED, is_out_of_memory, precision_of_products

if TYPE_CHECKING:
    from typing_extensions import Self

Function = Callable[[Tensor], Sequence[Tensor]]
"""Maps a batch (B, C, H, W) to the responses of the tapped layers."""


class Linearization(Protocol):
    """The tapped layers of one network at one image s.

    What :class:`LocalGeometry` asks of a network's ``linearize``; networks of PyTorch have it by
    :class:`pdpsych.models.ModuleNetwork`, others may write out J and Jᵀ themselves.

    Attributes
    ----------
    responses
        The response of each tapped layer at s, flat, (R,).

    Examples
    --------
    A matrix as a network of one layer:

    >>> import torch
    >>> class Matrix:
    ...     def __init__(self, matrix, image):
    ...         self._matrix, self._shape = matrix, image.shape
    ...         self.responses = [matrix @ image.flatten()]
    ...
    ...     def push(self, distortions):
    ...         return [distortions.flatten(1) @ self._matrix.T]
    ...
    ...     def pull(self, cotangents):
    ...         return (cotangents[0] @ self._matrix).reshape(-1, *self._shape)
    ...
    ...     def select(self, taps):
    ...         return self
    >>> linear = Matrix(torch.ones(3, 4), torch.zeros(1, 2, 2))
    >>> linear.push(torch.ones(1, 1, 2, 2))
    [tensor([[4., 4., 4.]])]
    """

    responses: list[Tensor]

    def push(self, distortions: Tensor) -> list[Tensor]:
        """Map distortions (K, C, H, W) to the tangents J u of each layer, (K, R)."""
        ...

    def pull(self, cotangents: Sequence[Tensor]) -> Tensor:
        """Map cotangents of each layer, (K, R), to Σ Jᵀw over layers, (K, C, H, W)."""
        ...

    def select(self, taps: Sequence[int]) -> Linearization:
        """Return the same at some of the layers: ``taps`` are their numbers."""
        ...


class _RetainedGraph:
    """Pulls through the graph of one forward pass.

    ``together`` says whether the directions of a block go through it in one call: on a GPU, where
    launching costs more than computing; on a processor they go one after the other, since batching
    seldom costs less (``benchmarks/linearization.py``).
    """

    def __init__(self, function: Function, image: Tensor):
        self.together = image.device.type != "cpu"
        self._image = image.detach().clone()[None].requires_grad_()
        with torch.enable_grad():
            # A response without a gradient, added to a zero with one, has the derivative zero.
            taps = [
                tap if tap.requires_grad else tap + 0 * self._image.sum()
                for tap in function(self._image)
            ]
            self._taps = [tap.reshape(-1) for tap in taps]
        self.responses = [tap.detach() for tap in self._taps]

    def select(self, taps: Sequence[int]) -> Self:
        """See :meth:`Linearization.select`; products run no further than they must."""
        chosen = copy.copy(self)
        chosen._taps = [self._taps[i] for i in taps]
        chosen.responses = [self.responses[i] for i in taps]
        return chosen

    def pull(self, cotangents: Sequence[Tensor]) -> Tensor:
        """See :meth:`Linearization.pull`."""
        return self._products(self._taps, [self._image], cotangents)[0][:, 0]

    def _products(
        self, outputs: Sequence[Tensor], inputs: Sequence[Tensor], vectors: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return vᵀ ∂outputs/∂inputs, (K, …) of each input, of vectors (K, …) of each output."""

        def product(given: Sequence[Tensor], together: bool) -> list[Tensor]:
            return list(
                torch.autograd.grad(
                    outputs,
                    inputs,
                    given,
                    retain_graph=True,
                    is_grads_batched=together,
                    materialize_grads=True,
                )
            )

        if self.together and len(vectors[0]) > 1:
            try:
                return product(vectors, True)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                # Something in the network looks at numbers, which only single directions have.
                self.together = False
        return _stacked([product(row, False) for row in zip(*vectors, strict=True)])


class AutogradLinearization(_RetainedGraph):
    """Products of any differentiable function by double backward on a retained graph.

    Nothing is evaluated again; affine operations follow :class:`AffineOperations`.

    Parameters
    ----------
    function
        Maps an image (1, C, H, W) to the responses of the tapped layers.
    image
        The base image s, (C, H, W).

    Examples
    --------
    >>> from pdpsych import geometry
    >>> import torch
    >>> image = torch.full((1, 2, 2), 3.0)
    >>> linear = geometry.AutogradLinearization(lambda x: [x**2], image)
    >>> linear.push(torch.ones(1, 1, 2, 2))
    [tensor([[6., 6., 6., 6.]])]
    """

    def __init__(self, function: Function, image: Tensor):
        with AffineOperations():
            super().__init__(function, image)
        with torch.enable_grad():
            # One zero each, however many responses: the pullback is linear in them.
            self._weights = [
                tap.new_zeros(1).expand_as(tap).detach().requires_grad_() for tap in self._taps
            ]
            # Differentiating it again gives J u.
            (self._pullback,) = torch.autograd.grad(
                self._taps, self._image, self._weights, create_graph=True, materialize_grads=True
            )

    def select(self, taps: Sequence[int]) -> Self:
        """See :meth:`Linearization.select`."""
        chosen = super().select(taps)
        chosen._weights = [self._weights[i] for i in taps]
        return chosen

    def push(self, distortions: Tensor) -> list[Tensor]:
        """See :meth:`Linearization.push`."""
        return self._products([self._pullback], self._weights, [distortions[:, None]])


class ForwardLinearization(_RetainedGraph):
    """Pushes by forward mode, for functions whose backward pass cannot be differentiated.

    Each push evaluates the function again. ``torch.func.linearize`` would not, but it gives
    wrong tangents, without an error, where the function writes to a tensor in place.
    Parameters as for :class:`AutogradLinearization`.
    """

    def __init__(self, function: Function, image: Tensor):
        super().__init__(function, image)
        self._function = function

    def select(self, taps: Sequence[int]) -> Self:
        """See :meth:`Linearization.select`."""
        chosen, function = super().select(taps), self._function

        def some(batch: Tensor) -> list[Tensor]:
            responses = function(batch)
            return [responses[i] for i in taps]

        chosen._function = some
        return chosen

    def push(self, distortions: Tensor) -> list[Tensor]:
        """See :meth:`Linearization.push`."""
        return _stacked([list(self._jvp(u[None])) for u in distortions])

    def _jvp(self, u: Tensor) -> tuple[Tensor, ...]:
        def flat(image: Tensor) -> tuple[Tensor, ...]:
            return tuple(tap.reshape(-1) for tap in self._function(image))

        with torch.no_grad(), warnings.catch_warnings():
            # PyTorch warns about its own insides; the network has warned in its first pass.
            warnings.simplefilter("ignore")
            return tuple(torch.func.jvp(flat, (self._image.detach(),), (u,))[1])


def linearize(function: Function, image: Tensor, labels: Sequence[str]) -> Linearization:
    """Linearise a function at an image, by double backward where it can, else by forward mode.

    What is returned has passed a check: no derivative is zero or not finite, and the pushes
    are the transposes of the pulls, ⟨w, J u⟩ = ⟨Jᵀw, u⟩.

    Parameters
    ----------
    function
        Maps an image (1, C, H, W) to the responses of the tapped layers; the same each time.
    image
        The base image s, (C, H, W), float32 or float64.
    labels
        What to call each response in messages.

    Raises
    ------
    InputError
        If a response has no usable derivative, or neither mode works.
    RuntimeError
        From PyTorch, where memory is not enough.
    """
    failures: list[str] = []
    for mode, make in _MODES.items():
        try:
            linear = make(function, image)
            broken = _broken_adjoints(linear, image, labels)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            failures.append(f"by {mode}: {first_line(error)}")
            continue
        if not broken:
            return linear
        failures.append(f"by {mode}: ⟨w, J u⟩ and ⟨Jᵀw, u⟩ differ at {', '.join(broken)}")
    raise InputError(f"no derivative: {'; '.join(failures)}", file=", ".join(labels))


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def tolerance(response: Tensor) -> float:
    """Return √ε of the arithmetic behind a response: what rounding stays far below.

    Above what rounding leaves in any network of the tests, below the error that a wrong rule of
    derivation makes (``tests/geometry/test_linearization.py``). Where matrices are multiplied in
    TF32, ε is 2⁻¹⁰.
    """
    reduced = response.is_cuda and precision_of_products() == REDUCED
    if reduced and response.dtype == torch.float32:
        return float(2**-5)
    return float(torch.finfo(response.dtype).eps ** 0.5)


_MODES: dict[str, Callable[[Function, Tensor], Linearization]] = {
    "double backward": AutogradLinearization,
    "forward mode": ForwardLinearization,
}


def _broken_adjoints(linear: Linearization, image: Tensor, labels: Sequence[str]) -> list[str]:
    """Return the labels of responses whose push is not the transpose of their pull.

    Raises
    ------
    InputError
        If a derivative is zero or not finite.
    """
    u = _noise(image.shape, seed=0)
    tangents = [tangent[0] for tangent in linear.push(u[None].to(image))]
    weights = [_test_cotangent(t, seed) for seed, t in enumerate(tangents, start=1)]
    for label, tangent in zip(labels, tangents, strict=True):
        _check_finite(tangent, label)
    if all(t.any() for t in tangents) and _adjoint(linear, u, tangents, weights):
        return []
    broken = []
    for i, label in enumerate(labels):
        alone = [w if k == i else torch.zeros_like(w) for k, w in enumerate(weights)]
        pulled = linear.pull([w[None].to(r) for w, r in zip(alone, linear.responses, strict=True)])
        _check_finite(pulled, label)
        if not (tangents[i].any() or pulled.any()):
            raise InputError(
                "its response does not change with the image; the model ignores the image, or "
                "loses the gradient (integers, .detach(), torch.no_grad)",
                file=label,
            )
        if not _adjoint(linear, u, tangents, alone):
            broken.append(label)
    return broken


def _stacked(columns: Sequence[list[Tensor]]) -> list[Tensor]:
    """Return the tangents of each response, (K, …), from those of each direction.

    One response after the other, and what is stacked goes: memory may not hold all of them twice.
    """
    if len(columns) == 1:
        return [tangent[None] for tangent in columns[0]]
    count = len(columns[0])
    return [torch.stack([column.pop(0) for column in columns]) for _ in range(count)]


def _check_finite(derivative: Tensor, label: str) -> None:
    if not bool(torch.isfinite(derivative).all()):
        raise InputError("its derivative at this image is not finite", file=label)


def _adjoint(
    linear: Linearization, u: Tensor, tangents: Sequence[Tensor], weights: Sequence[Tensor]
) -> bool:
    """Say whether ⟨w, J u⟩ = ⟨Jᵀw, u⟩ within the tolerance for the sizes of both sides."""
    rows = [w[None].to(r) for w, r in zip(weights, linear.responses, strict=True)]
    pulled = linear.pull(rows)[0].double().cpu()
    forwards, sizes = 0.0, float(pulled.norm())
    for weight, tangent in zip(weights, tangents, strict=True):
        w, t = weight.double(), tangent.double()
        forwards, sizes = forwards + float(w @ t), sizes + float(w.norm() * t.norm())
    gap = abs(forwards - float((pulled * u).sum()))
    return gap <= tolerance(rows[0]) * sizes


def _test_cotangent(tangent: Tensor, seed: int) -> Tensor:
    """Return the tangent plus as much noise, scaled so that ⟨w, J u⟩ is about 1.

    Along the tangent alone an error that removes it would go unseen; in noise alone the two
    products nearly cancel and hide a small one.
    """
    noise = _noise(tangent.shape, seed).to(tangent.device)
    noise /= noise.norm()
    length = tangent.double().norm()
    found = (tangent / length + noise) / length if length > 0 else noise
    return found.to(tangent)


def _noise(shape: Sequence[int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
