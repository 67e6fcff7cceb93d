"""Coordinates of features among few photos: as many numbers as there are photos, instead of thousands. numpy only."""

from dataclasses import dataclass

import numpy as np

from transfer_core.training.linear_probe.head import Head, Scaler

_BLOCK = 256  # rows at a time: scaled ones are a copy


@dataclass(frozen=True)
class Basis:
    """What scaled features of these photos span. Linear heads learn the same in its coordinates, in less time.

    Args:
        directions: float32 (d, k), columns of length 1 at right angles; None where there are as many photos as
            features, and the scaled features are their own coordinates.
    """

    scaler: Scaler
    directions: np.ndarray | None

    @classmethod
    def of(cls, features: np.ndarray, blocks: tuple[int, ...] = ()) -> "Basis":
        """Of features (n, d) of the training photos; blocks as in `Scaler.of`."""
        scaler = Scaler.of(features, blocks)
        if len(features) >= features.shape[1]:
            return cls(scaler, None)
        return cls(scaler, np.linalg.qr(scaler(features).T)[0])

    def coordinates(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, k) of features (n, d); products of those of training photos are those of scaled features."""
        width = features.shape[1] if self.directions is None else self.directions.shape[1]
        found = np.empty((len(features), width), np.float32)
        for start in range(0, len(features), _BLOCK):
            rows = slice(start, start + _BLOCK)
            scaled = self.scaler(features[rows])
            found[rows] = scaled if self.directions is None else scaled @ self.directions
        return found

    def head(self, weight: np.ndarray, bias: np.ndarray) -> Head:
        """The head on raw features that equals this weight (k, classes) and bias (classes,) on coordinates."""
        return self.scaler.unscale(weight if self.directions is None else self.directions @ weight, bias)
