"""What a run says that ends before its stimulus set is whole."""

from __future__ import annotations

from collections.abc import Mapping


class SetUnfinished(Exception):
    """Some images of a set are not made; the finished ones are kept, the next run goes on.

    Attributes
    ----------
    failed
        Why an image could not be made, by its name.
    remaining
        How many images other shards have still to make.
    """

    def __init__(self, name: str, failed: Mapping[str, str], remaining: int, total: int):
        super().__init__(name, failed, remaining, total)
        self.name, self.failed = name, dict(failed)
        self.remaining, self.total = remaining, total

    def __str__(self) -> str:
        """Say what is missing and how to go on."""
        made = self.total - self.remaining - len(self.failed)
        lines = [f"{self.name}: {made} of {self.total} images are made and kept"]
        if self.remaining:
            lines.append(f"{self.remaining} remain for other shards; the last one joins the set")
        if self.failed:
            lines.append(
                f"{len(self.failed)} failed; the same command tries them again (or take them out "
                "of the recipe):"
            )
            lines += [f"  {image}: {reason}" for image, reason in self.failed.items()]
        return "\n".join(lines)
