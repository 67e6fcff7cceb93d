"""Photos that a head learns from, and the numbers it learns in. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from transfer_core.training.linear_probe.basis import Basis
from transfer_core.training.linear_probe.head import Head, Scaler, balance
from transfer_core.training.linear_probe.l2_search import SEARCH_PHOTOS


@dataclass(frozen=True)
class Examples:
    """Training photos to learn from and to try out on.

    Args:
        features: float32 (n, d).
        class_ids: (n,).
        units: Key per row: rows of one unit, such as copies of a photo or those of a group, are left out together.
        blocks: How many features come from each layer, see `Scaler.of`.
        weighted: Whether every class counts the same.
    """

    features: np.ndarray
    class_ids: np.ndarray
    units: Sequence[str]
    class_count: int
    blocks: tuple[int, ...] = ()
    weighted: bool = False

    @cached_property
    def basis(self) -> Basis:
        return Basis.of(self.features, self.blocks)

    @cached_property
    def coordinates(self) -> np.ndarray:
        """float32 (n, k)."""
        return self.basis.coordinates(self.features)

    @property
    def weights(self) -> np.ndarray:
        """float32 (n,), how much each photo counts."""
        if not self.weighted:
            return np.ones(len(self.class_ids), np.float32)
        return balance(self.class_ids, self.class_count)[self.class_ids]

    @property
    def are_few(self) -> bool:
        """Whether heads are tried out on all of them."""
        return len(self.features) <= SEARCH_PHOTOS

    def some(self, generator: np.random.Generator) -> "Examples":
        """So many that trying out takes no longer, though more are there."""
        if self.are_few:
            return self
        chosen = np.sort(generator.choice(len(self.features), SEARCH_PHOTOS, replace=False))
        units = [self.units[number] for number in chosen]
        return replace(self, features=self.features[chosen], class_ids=self.class_ids[chosen], units=units)


@dataclass(frozen=True)
class Space:
    """Features as the head learns them.

    Of few photos these are coordinates: with a tenth as many numbers, each epoch takes a tenth of the time. Of many
    they are the features themselves, which stay in their mapped file.

    Args:
        train, val: float32 (n, k) of the training and the validation photos.
        scaler: Is to be applied to them.
        basis: Of the coordinates; None where they are features.
    """

    train: np.ndarray
    val: np.ndarray
    scaler: Scaler
    basis: Basis | None

    @classmethod
    def of(cls, examples: Examples, val: np.ndarray) -> "Space":
        """Of examples and the features (n, d) of the validation photos."""
        if not examples.are_few:
            return cls(examples.features, val, Scaler.of(examples.features, examples.blocks), None)
        train, basis = examples.coordinates, examples.basis
        return cls(train, basis.coordinates(val), Scaler.identity(train.shape[1]), basis)

    def raw(self, head: Head) -> Head:
        """The head on features that equals this one."""
        return self.basis.head(head.weight.T, head.bias) if self.basis else head
