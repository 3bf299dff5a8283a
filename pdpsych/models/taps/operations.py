"""What a module computes itself, between the modules inside it."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

_NUMBERED = re.compile(r"_\d+$")
_WHERE = (Tensor, torch, nn.functional, operator)
# x - 1 and 1 - x, which torch.fx calls the same.
_REFLECTED = re.compile(r"^__r(?=(sub|pow|floordiv|matmul)__$)")
# Operators that PyTorch calls otherwise than Python does.
_OPERATORS: dict[Any, str] = {
    Tensor.div: "truediv",
    Tensor.div_: "truediv",
    Tensor.__rdiv__: "truediv",
    Tensor.remainder: "mod",
}


class Operations(TorchFunctionMode):
    """Names what operations give during a forward pass inside, as torch.fx names its nodes.

    ``layer1.0.add`` is what the first addition gives that the module ``layer1.0`` does itself,
    ``layer1.0.add_1`` the second. Nothing is traced, so that a network may branch as it likes;
    operations on numbers and shapes, which have no response, are not counted. The runs of a module
    count under its name: where ``layer1.0`` has a module ``relu``, ``layer1.0.relu_1`` is what its
    second run gives, or the first operation ``relu`` behind one run.

    Parameters
    ----------
    module
        The network.
    see
        Called with the name of each operation and what it gave.
    """

    def __init__(self, module: nn.Module, see: Callable[[str, object], None]):
        super().__init__()
        self._module, self._see = module, see
        # None in modules of PyTorch itself, which are wholes.
        self._inside: list[str | None] = []
        self._runs: Counter[str] = Counter()
        self._hooks: list[RemovableHandle] = []
        self._blind = False

    def __enter__(self) -> Operations:
        for name, part in self._module.named_modules():
            if not isinstance(part, torch.jit.ScriptModule):
                self._hooks += self._hooked(name, part)
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        for hook in self._hooks:
            hook.remove()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation, and tell what it gave where that has tensors."""
        given = func(*args, **(kwargs or {}))
        inside = self._inside[-1] if self._inside and not self._blind else None
        if inside is not None and _has_tensors(given) and (name := _name(func)):
            self._told(f"{inside}.{name}" if inside else name, given)
        return given

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Overlook what is done inside, as it is none of the network's."""
        before, self._blind = self._blind, True
        try:
            yield
        finally:
            self._blind = before

    def _hooked(self, name: str, part: nn.Module) -> list[RemovableHandle]:
        whole = type(part).__module__.startswith("torch.nn")

        def begins(*_: object) -> None:
            self._inside.append(None if whole else name)

        def ends(module: nn.Module, inputs: object, given: object) -> None:
            self._inside.pop()
            if name:
                self._told(name, given)

        return [
            part.register_forward_pre_hook(begins),
            part.register_forward_hook(ends, always_call=True),
        ]

    def _told(self, path: str, given: object) -> None:
        number = self._runs[path]
        self._runs[path] += 1
        with self.unseen():
            self._see(f"{path}_{number}" if number else path, given)


def is_operation(name: str) -> bool:
    """Return whether something in PyTorch is called so, but for a number behind it.

    Examples
    --------
    >>> is_operation("add_1"), is_operation("layer5")
    (True, False)
    """
    return any(hasattr(where, _NUMBERED.sub("", name)) for where in _WHERE)


def _has_tensors(given: object) -> bool:
    if isinstance(given, (tuple, list)):
        return any(isinstance(one, Tensor) for one in given)
    return isinstance(given, Tensor)


def _name(func: Callable[..., Any]) -> str:
    """Return the name of a function as torch.fx has it; none of an attribute."""
    name = _OPERATORS.get(func, getattr(func, "__name__", ""))
    return "" if name == "__get__" else _REFLECTED.sub("", name).strip("_")
