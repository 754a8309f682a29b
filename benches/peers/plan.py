"""What is played, what must come out, and what is compared with what."""

from dataclasses import dataclass
from math import sqrt

# Units of each side: enough that the check has a small error, few enough that slow sides end.
SIDES = {
    ("hold-30", "std heap"): 5_000_000,
    ("hold-30", "agenda"): 5_000_000,
    ("hold-1000", "std heap"): 5_000_000,
    ("hold-1000", "agenda"): 5_000_000,
    ("phold-30", "std heap"): 5_000_000,
    ("phold-30", "agenda"): 5_000_000,
    ("phold-30", "nexosim"): 1_000_000,
    ("phold-1000", "std heap"): 5_000_000,
    ("phold-1000", "agenda"): 5_000_000,
    ("phold-1000", "nexosim"): 1_000_000,
    ("mm1", "std heap"): 3_000_000,
    ("mm1", "std heap, libm draws"): 2_000_000,
    ("mm1", "agenda"): 3_000_000,
    ("mm1", "world"): 350_000,
    ("mm1", "nexosim"): 500_000,
    ("mm1", "nexosim, one model"): 500_000,
    ("mm1", "SimPy"): 200_000,
    ("graph-30", "std heap"): 300_000,
    ("graph-30", "agenda"): 300_000,
    ("graph-30", "nexosim"): 50_000,
    ("graph-30", "nexosim, one model"): 50_000,
    ("graph-30", "SimPy"): 10_000,
    ("graph-11", "std heap"): 200_000,
    ("graph-11", "world"): 200_000,
    ("graph-11", "nexosim, one model"): 100_000,
    ("graph-11", "SimPy"): 10_000,
    ("c1-constant", "world"): 10_000,
    ("c1-constant", "samplers"): 20_000,
    ("c1-constant", "samplers, tables"): 40_000,
    ("c1-constant", "numpy"): 20_000,
    ("c1-constant", "numpy, thinned"): 20_000,
    ("c1-varying", "world"): 10_000,
    ("c1-varying", "numpy"): 20_000,
    ("c1-varying", "numpy, thinned"): 20_000,
    ("c2-constant", "world"): 4_000,
    ("c2-constant", "numpy"): 4_000,
    ("c2-constant", "numpy, thinned"): 4_000,
    ("c2-varying", "world"): 4_000,
    ("c2-varying", "numpy"): 4_000,
    ("c2-varying", "numpy, thinned"): 4_000,
    ("release", "references"): 400,
    ("release", "one policy"): 400,
}


def near(value, tolerance):
    """Bounds around a value that theory gives."""
    return lambda line, of: (value * (1 - tolerance), value * (1 + tolerance))


def near_side(side, tolerance):
    """Bounds around what another side found."""
    return lambda line, of: near(of(side)["check"], tolerance)(line, of)


def share(line, value, variance):
    """Five standard errors around a share; `variance` is that of the value itself."""
    error = 5 * sqrt(value * (1 - value) / line["units"] + variance)
    return value - error, value + error


def share_of_side(side):
    def bounds(line, of):
        other = of(side)
        p = other["check"]
        return share(line, p, p * (1 - p) / other["units"])

    return bounds


# Bounds of the check, by workload. The wait of M/M/1 at utilisation 0.8 is four service times; its relative standard
# error is 2.5 % for 200,000 customers. C1 has an exact answer (a Markov chain of bad windows running).
CHECKS = {
    "hold-30": near(1.0, 0.02),
    "hold-1000": near(1.0, 0.02),
    "phold-30": near(1.0, 0.02),
    "phold-1000": near(1.0, 0.02),
    "mm1": near(4.0, 0.10),
    "graph-30": near_side("std heap", 0.04),
    "graph-11": near_side("std heap", 0.04),
    "c1-constant": lambda line, of: share(line, 0.484304, 0.0),
    "c1-varying": share_of_side("numpy"),
    "c2-constant": share_of_side("numpy"),
    "c2-varying": share_of_side("numpy"),
    # Four reference players in each twin, and the policy.
    "release": lambda line, of: near(5.0 if line["side"] == "one policy" else 4.0, 0.0)(line, of),
}


@dataclass
class Goal:
    """A comparison. `at_most`: our time over the peer's; `faster`: the peer's time over ours; neither: no goal."""

    workload: str
    ours: str
    peer: str
    at_most: float | None = None
    faster: float | None = None

    def text(self):
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "-" if self.faster is None else f">= {self.faster:g}x faster"

    def judge(self, ours, peer):
        """The ratio as text, and whether the goal is held."""
        if self.at_most is not None:
            ratio = ours / peer
            return f"{ratio:.2f}", "held" if ratio <= self.at_most else "**missed**"
        ratio = peer / ours
        shown = f"{ratio:.1f}x faster" if ratio >= 1 else f"{1 / ratio:.1f}x slower"
        return shown, "" if self.faster is None else "held" if ratio >= self.faster else "**missed**"


GOALS = [
    Goal("hold-30", "agenda", "std heap", at_most=1.0),
    Goal("hold-1000", "agenda", "std heap", at_most=1.0),
    Goal("phold-30", "agenda", "std heap", at_most=1.0),
    Goal("phold-1000", "agenda", "std heap", at_most=1.0),
    Goal("phold-30", "agenda", "nexosim"),
    Goal("phold-1000", "agenda", "nexosim"),
    Goal("mm1", "agenda", "std heap", at_most=2.0),
    Goal("mm1", "agenda", "nexosim", faster=9),
    Goal("mm1", "agenda", "nexosim, one model"),
    Goal("mm1", "agenda", "SimPy", faster=140),
    Goal("mm1", "world", "std heap", at_most=2.0),
    Goal("mm1", "world", "std heap, libm draws"),
    Goal("mm1", "world", "nexosim", faster=9),
    Goal("mm1", "world", "SimPy", faster=140),
    Goal("graph-30", "agenda", "std heap", at_most=1.0),
    Goal("graph-30", "agenda", "nexosim"),
    Goal("graph-30", "agenda", "nexosim, one model"),
    Goal("graph-30", "agenda", "SimPy"),
    Goal("graph-11", "world", "std heap", at_most=1.0),
    Goal("graph-11", "world", "nexosim, one model"),
    Goal("graph-11", "world", "SimPy"),
    Goal("c1-varying", "world", "numpy", faster=2),
    Goal("c1-varying", "world", "numpy, thinned"),
    Goal("c1-constant", "world", "numpy", faster=10),
    Goal("c1-constant", "world", "numpy, thinned"),
    Goal("c1-constant", "samplers", "numpy"),
    Goal("c1-constant", "samplers, tables", "numpy"),
    Goal("c2-varying", "world", "numpy", faster=2),
    Goal("c2-varying", "world", "numpy, thinned"),
    Goal("c2-constant", "world", "numpy", faster=10),
    Goal("c2-constant", "world", "numpy, thinned"),
]
