"""Responses to the directions of a subspace: kept, as far as there is room for them.

Layers of deep networks have millions of responses, and the Gram matrices of a subspace need those
to all of its directions. Of two things less is needed. A layer of which each response is a multiple
of one response of a layer before it, as behind a rectifier or a normalisation by constants, follows
from that layer. And early layers, which have most of the responses, are a small part of the way
through a network: where there is no room for theirs, the directions go through these layers again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from pdpsych.geometry.local import LocalGeometry, random_signs
from pdpsych.geometry.machine import give_back

# Bytes of responses that a search keeps. Where there is room for those to as many directions as an
# ascent has at most, all are kept; where not, for as many as are at work then: those of a survey of
# chosen pairs of representations, or of two ascents with all that they may have.
ROOM, DIRECTIONS, AT_WORK = 3 << 28, 64, 48
# Directions whose responses are in one piece of memory, and those whose responses of early layers
# are held while those of as many others pass.
PIECE, HELD = 16, 2
# Columns converted to float64 at a time: on a processor they stay in its cache, with four times as
# many a product takes four times as long (benchmarks/solver_constants.py blocks); elsewhere each
# is a launch.
CHUNK, LARGE_CHUNK = 1 << 14, 1 << 19
# Rounding errors between a response and its multiple.
ERRORS = 8


@dataclass(frozen=True)
class Keeping:
    """Which responses are kept: all, unless there is no room.

    Attributes
    ----------
    again
        Representations whose responses are found again.
    multiples
        Of each representation that follows from another its number and the factors, (Q,).
    is_scarce
        Whether there is no room for all responses to a large subspace.
    """

    again: tuple[int, ...] = ()
    multiples: Mapping[int, tuple[int, Tensor]] = field(default_factory=dict)
    is_scarce: bool = False

    @classmethod
    def of(cls, geometry: LocalGeometry, room: int = ROOM) -> Keeping:
        """Decide it for a geometry by the number of its responses."""
        sizes = np.array(geometry.response_sizes) * geometry.image.element_size()
        if DIRECTIONS * sizes.sum() <= room:
            return ALL
        chains = geometry.chains()
        multiples = _multiples(geometry, chains)
        leaders = [[i for i in chain if i not in multiples] for chain in chains]
        # Of all networks the earliest layers first.
        ordered = sorted((k / len(chain), i) for chain in leaders for k, i in enumerate(chain))
        left, again = sum(int(sizes[i]) for _, i in ordered), []
        for _, i in ordered:
            if AT_WORK * left <= room:
                break
            again.append(i)
            left -= int(sizes[i])
        return cls(tuple(again), multiples, True)


ALL = Keeping()


class KeptResponses:
    """A_i S of the directions S of a subspace.

    Parameters
    ----------
    geometry
        The representations.
    keeping
        What is kept of them.
    """

    def __init__(self, geometry: LocalGeometry, keeping: Keeping):
        self._geometry, self._keeping = geometry, keeping
        self._followers: dict[int, list[int]] = {}
        for i, (leader, _) in keeping.multiples.items():
            self._followers.setdefault(leader, []).append(i)
        leaders = [i for i in range(len(geometry.names)) if i not in keeping.multiples]
        self._kept = [i for i in leaders if i not in keeping.again]
        self._part = geometry.select(self._kept) if keeping.is_scarce else geometry
        self._early = geometry.select(keeping.again) if keeping.again else None
        self.release()

    def release(self) -> None:
        """Forget them; they are found again where they are needed."""
        self._rows = {i: _Rows() for i in self._kept}
        self._count = 0

    def extend(self, basis: Tensor, count: int) -> Tensor:
        """Take in the last ``count`` directions of a basis (m, C, H, W).

        Returns the products of their responses with those to all directions, (N, count, m),
        float64.
        """
        for block in basis[self._count :].split(self._part.at_once):
            for i, tangents in zip(self._kept, self._part.push(block), strict=True):
                self._rows[i].append(tangents)
        self._count = len(basis)
        if self._keeping.is_scarce:
            give_back()
        return self._products(basis, count)

    def mixed(self, coefficients: Tensor, directions: Tensor) -> list[Tensor]:
        """Return A_i of directions (K, C, H, W), given their coefficient rows, (K, m)."""
        if self._count < coefficients.shape[1]:
            return self._geometry.push(directions)
        found = {i: mix(coefficients, rows.pieces()) for i, rows in self._rows.items()}
        if self._early is not None:
            found.update(zip(self._keeping.again, self._early.push(directions), strict=True))
        for i, (leader, factors) in self._keeping.multiples.items():
            found[i] = factors * found[leader]
        return [found[i] for i in range(len(self._geometry.names))]

    def restrict(self, coefficients: Tensor, basis: Tensor) -> Tensor:
        """Go over to the basis of coefficient rows (r, m); return all products, (N, r, r)."""
        if self._count < coefficients.shape[1]:
            self.release()
            return self.extend(basis, len(basis))
        for rows in self._rows.values():
            rows.replace(mix(coefficients, rows.pieces()))
        self._count = len(basis)
        # Of the rounded responses, so that all products are of the same: else the sum of squares
        # that they are would not stay positive.
        return self._products(basis, len(basis))

    def _products(self, basis: Tensor, count: int) -> Tensor:
        shape = len(self._geometry.names), count, len(basis)
        found = torch.zeros(shape, dtype=torch.float64, device=basis.device)
        for i, rows in self._rows.items():
            members, factors = self._alike(i)
            found[members] = products(rows.last(count), rows.pieces(), factors)
        if self._early is not None:
            first = len(basis) - count
            for start in range(first, len(basis), HELD):
                self._meet(self._early, basis, start, first, found)
        return found

    def _meet(
        self, early: LocalGeometry, basis: Tensor, start: int, first: int, found: Tensor
    ) -> None:
        """Fill in the products of early layers from directions ``start`` on with all before."""
        end = min(start + HELD, len(basis))
        held = early.push(basis[start:end])
        here = slice(start - first, end - first)
        for begin in range(0, start, HELD):
            stop = min(begin + HELD, start)
            passing = early.push(basis[begin:stop])
            for k, i in enumerate(self._keeping.again):
                members, factors = self._alike(i)
                block = products(held[k], [passing[k]], factors)
                found[members, here, begin:stop] = block
                # The same for those of the new that were held before.
                new = max(begin, first)
                if new < stop:
                    found[members, new - first : stop - first, start:end] = block[
                        :, :, new - begin :
                    ].mT
        for k, i in enumerate(self._keeping.again):
            members, factors = self._alike(i)
            found[members, here, start:end] = products(held[k], [held[k]], factors)

    def _alike(self, leader: int) -> tuple[list[int], list[Tensor]]:
        """Return the numbers of a leader and its followers, and the factors of these."""
        followers = self._followers.get(leader, [])
        return [leader, *followers], [self._keeping.multiples[i][1] for i in followers]


class _Rows:
    """The responses of one representation, in pieces that never move."""

    def __init__(self) -> None:
        self._pieces: list[Tensor] = []
        self._used = 0

    def append(self, rows: Tensor) -> None:
        """Add rows (K, Q)."""
        while len(rows):
            if not self._pieces or self._used == PIECE:
                self._pieces.append(rows.new_empty((PIECE, rows.shape[1])))
                self._used = 0
            part = rows[: PIECE - self._used]
            self._pieces[-1][self._used : self._used + len(part)] = part
            self._used += len(part)
            rows = rows[len(part) :]

    def pieces(self) -> list[Tensor]:
        """Return all rows, in order."""
        return [*self._pieces[:-1], *(piece[: self._used] for piece in self._pieces[-1:])]

    def last(self, count: int) -> Tensor:
        """Return the last rows, (count, Q)."""
        rows: list[Tensor] = []
        for piece in reversed(self.pieces()):
            if count:
                rows.insert(0, piece[-count:])
                count -= len(rows[0])
        return rows[0] if len(rows) == 1 else torch.cat(rows)

    def replace(self, rows: Tensor) -> None:
        """Put others in place of all rows."""
        self._pieces, self._used = [], 0
        self.append(rows)


def products(a: Tensor, pieces: Sequence[Tensor], factors: Sequence[Tensor] = ()) -> Tensor:
    """Return all inner products of rows a (K, Q) and rows in pieces, (1 + F, K, m), float64.

    First of the rows, then of their multiples by each of the ``factors``, (Q,). Accumulated in
    float64 without a float64 copy of all.
    """
    count = sum(len(piece) for piece in pieces)
    total = torch.zeros(((1 + len(factors)) * len(a), count), dtype=torch.float64, device=a.device)
    width = CHUNK if a.device.type == "cpu" else LARGE_CHUNK
    for start in range(0, a.shape[1], width):
        columns = slice(start, start + width)
        left = a[:, columns].double()
        scaled = [left * factor[columns].double().square() for factor in factors]
        left = torch.cat([left, *scaled]) if scaled else left
        for place, piece in _placed(pieces):
            total[:, place].addmm_(left, piece[:, columns].double().T)
    return total.reshape(1 + len(factors), len(a), count)


def mix(weights: Tensor, blocks: Sequence[Tensor]) -> Tensor:
    """Return the combinations (K, …) of the rows of all blocks by weights (K, m)."""
    total = blocks[0].new_zeros((len(weights), blocks[0][0].numel()))
    for place, block in _placed(blocks):
        total.addmm_(weights[:, place], block.flatten(1))
    return total.reshape(len(weights), *blocks[0].shape[1:])


def _placed(pieces: Sequence[Tensor]) -> Iterator[tuple[slice, Tensor]]:
    start = 0
    for piece in pieces:
        yield slice(start, start + len(piece)), piece
        start += len(piece)


def _multiples(
    geometry: LocalGeometry, chains: Sequence[Sequence[int]]
) -> dict[int, tuple[int, Tensor]]:
    """Return the representations that follow from one before in their network, and factors.

    Two random distortions tell: were a response not a multiple of the other, they would agree with
    probability 0.
    """
    signs = random_signs((2, *geometry.image.shape), seed=1).to(geometry.image)
    first, second = (geometry.push(sign[None]) for sign in signs)
    found: dict[int, tuple[int, Tensor]] = {}
    for before, i in (pair for chain in chains for pair in pairwise(chain)):
        leader = found[before][0] if before in found else before
        if geometry.response_sizes[i] != geometry.response_sizes[leader]:
            continue
        given = first[leader][0]
        factors = torch.where(given == 0, 0.0, first[i][0] / given)
        expected = factors * second[leader][0]
        error = ERRORS * torch.finfo(given.dtype).eps * expected.abs()
        if bool(((second[i][0] - expected).abs() <= error).all()):
            found[i] = leader, factors
    return found
