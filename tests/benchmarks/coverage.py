"""How often the interval of an accuracy holds the true one, where photos depend on each other.

    python -m tests.benchmarks.coverage [--rounds 2000] [--seed 0]

Each round draws units (copies of a photo, groups) with 1 to 20 photos, and which photos a model gets right. "alike" is
the intraclass correlation: 0 where the photos of a unit are independent, 1 where a unit is right or wrong as a whole,
as copies are; between, a unit's own accuracy is drawn from a beta distribution. The table has the share of rounds, over
all accuracies, in which the interval holds the true accuracy; beside it, in brackets, what Wilson's on all photos does.
No row is for an accuracy of 1: there, all answers are right, and every range then ends at 1. With few units that mostly
happens at 0.98, too, and these rounds count like any others.
"""

import argparse

import numpy as np

from transfer_core.metrics.clustered import clustered_interval
from transfer_core.metrics.wilson import wilson

COUNTS = (4, 6, 10, 20, 50, 200)
SIZES = {"1": (1,), "10": (10,), "20": (20,), "1 to 20": tuple(range(1, 21)), "1, few 20": (1, 1, 1, 1, 20)}
ALIKE = (0.0, 0.1, 0.3, 0.7, 1.0)
ACCURACIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


def draw(
    rng: np.random.Generator, count: int, sizes: tuple[int, ...], alike: float, accuracy: float
) -> tuple[np.ndarray, np.ndarray]:
    """Right answers, bool (n,), and units (n,)."""
    photos = rng.choice(sizes, count)
    if alike in (0, 1) or accuracy in (0, 1):
        own = np.full(count, accuracy) if alike == 0 else (rng.random(count) < accuracy).astype(float)
    else:
        strength = (1 - alike) / alike
        own = rng.beta(accuracy * strength, (1 - accuracy) * strength, count)
    units = np.repeat(np.arange(count), photos)
    return rng.random(len(units)) < own[units], units


def simulate(
    rng: np.random.Generator, rounds: int, count: int, sizes: tuple[int, ...], alike: float, accuracy: float
) -> float:
    """The share of rounds whose interval holds the true accuracy."""
    return float(np.mean([_held(rng, count, sizes, alike, accuracy)[0] for _ in range(rounds)]))


def _held(rng, count, sizes, alike, accuracy) -> tuple[bool, bool]:
    """Whether the interval, and Wilson's on all photos, hold the true accuracy in one round."""
    right, units = draw(rng, count, sizes, alike, accuracy)
    found = clustered_interval(right, units), wilson(int(right.sum()), len(right))
    return tuple(low <= accuracy <= high for low, high in found)


def table(rng: np.random.Generator, rounds: int) -> None:
    print("| units | photos in each | " + " | ".join(f"alike {alike:g}" for alike in ALIKE) + " |")
    print("|--|--|" + "--|" * len(ALIKE))
    every, single = [], []
    for count in COUNTS:
        for name, sizes in SIZES.items():
            cells = []
            for alike in ALIKE:
                held = [
                    np.mean([_held(rng, count, sizes, alike, accuracy) for _ in range(rounds)], 0)
                    for accuracy in ACCURACIES
                ]
                own, plain = np.mean(held, 0)
                cells.append(f"{own:.3f} ({plain:.3f})")
                every.append(own)
                single += [found[0] for found in held]
            print(f"| {count} | {name} | " + " | ".join(cells) + " |", flush=True)
    print(f"all: {np.mean(every):.3f}; rows from {min(every):.3f} to {max(every):.3f}; ", end="")
    print(f"single settings from {min(single):.3f} to {max(single):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    table(np.random.default_rng(options.seed), options.rounds)


if __name__ == "__main__":
    main()
