"""Flow windows in vectorised numpy: `flow_numpy.py WORKLOAD SIDE ROLLOUTS` prints one line of JSON.

Rules and numbers are those of `src/verdict.rs`; the check is the share of rollouts that fire. `numpy` draws requests
and then which of them fail (or where their latencies fall); `numpy, thinned` draws the independent Poisson counts of
all classes directly, which is the same law and cheaper.
"""

import sys
from math import erf, exp, log, sqrt

import numpy as np
from measure import measured

WINDOWS, WINDOW, RATE, ERRORS = 120, 15.0, 100.0, 0.008
LIMIT, SLOWER = 0.01, 1.3
MEAN = RATE * WINDOW
# Rollouts worked on together: few enough that the arrays stay in the cache.
AT_A_TIME = {"c1": 1000, "c2": 50}

# Noise on the rate: log-normal AR(1) of mean 1.
CV, TAU = 0.2, 300.0
SIGMA = sqrt(log(1 + CV**2))
RHO = exp(-WINDOW / TAU)

# Upper bounds of the buckets in seconds, and what a log-normal latency (median 30 ms, p99 250 ms) puts into each.
BOUNDS = np.array([0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, np.inf])
SPREAD = log(0.25 / 0.03) / 2.3263478740408408
CDF = np.array([1.0 if np.isinf(b) else (1 + erf(log(b / 0.03) / SPREAD / sqrt(2))) / 2 for b in BOUNDS])
SHARES = np.diff(CDF, prepend=0.0)
LOWER = np.concatenate(([0.0], BOUNDS[:-1]))
UPPER = np.append(BOUNDS[:-1], BOUNDS[-2])


def means(draw, rollouts, varying):
    """Expected requests of each window; one number where rates are constant, which numpy draws from faster."""
    if not varying:
        return np.float64(MEAN)
    steps = draw.standard_normal((rollouts, WINDOWS))
    steps[:, 1:] *= sqrt(1 - RHO**2)
    for window in range(1, WINDOWS):
        steps[:, window] += RHO * steps[:, window - 1]
    return MEAN * np.exp(SIGMA * steps - SIGMA**2 / 2)


def counts(draw, rollouts, mean, thinned):
    """Requests and failures of each window."""
    size = (rollouts, WINDOWS)
    if thinned:
        good, failed = draw.poisson(mean * (1 - ERRORS), size), draw.poisson(mean * ERRORS, size)
        return good + failed, failed
    requests = draw.poisson(mean, size)
    return requests, draw.binomial(requests, ERRORS)


def running(bad):
    """Whether three windows running were bad, by rollout."""
    return (bad[:, :-2] & bad[:, 1:-1] & bad[:, 2:]).any(axis=1)


def c1(draw, rollouts, varying, thinned):
    requests, failed = counts(draw, rollouts, means(draw, rollouts, varying), thinned)
    return running(failed > LIMIT * requests)


def p99(histograms):
    """Linear interpolation within the bucket, as Prometheus does it."""
    upto = np.cumsum(histograms, axis=-1)
    rank = 0.99 * upto[..., -1]
    at = (upto >= rank[..., None]).argmax(axis=-1)
    here = np.take_along_axis(histograms, at[..., None], -1)[..., 0]
    before = np.take_along_axis(upto, at[..., None], -1)[..., 0] - here
    return LOWER[at] + (UPPER - LOWER)[at] * (rank - before) / np.maximum(here, 1)


def c2(draw, rollouts, varying, thinned):
    quantiles = []
    for _ in ("stable", "candidate"):
        mean = means(draw, rollouts, varying)
        if thinned:
            histograms = draw.poisson(mean[..., None] * SHARES, (rollouts, WINDOWS, len(SHARES)))
            requests = histograms.sum(axis=-1)
            failed = draw.binomial(requests, ERRORS)
        else:
            requests, failed = counts(draw, rollouts, mean, False)
            histograms = draw.multinomial(requests, SHARES)
        quantiles.append(p99(histograms))
    stable, candidate = quantiles
    return running(failed > LIMIT * requests) | running(candidate > SLOWER * stable)


def share(rollouts, at_a_time, fires):
    fired, left = 0, rollouts
    while left > 0:
        now = min(left, at_a_time)
        fired += int(fires(now).sum())
        left -= now
    return rollouts, fired / rollouts


if __name__ == "__main__":
    workload, side, rollouts = sys.argv[1], sys.argv[2], int(sys.argv[3])
    case, rates = workload.split("-")
    draw = np.random.default_rng(1)
    play = {"c1": c1, "c2": c2}[case]
    varying, thinned = {"constant": False, "varying": True}[rates], {"numpy": False, "numpy, thinned": True}[side]
    measured(
        workload,
        side,
        "rollout",
        lambda: share(rollouts, AT_A_TIME[case], lambda n: play(draw, n, varying, thinned)),
    )
