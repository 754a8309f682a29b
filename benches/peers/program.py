"""The program itself: a canary end to end, threads, memory, start-up."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from statistics import median

# Replications of the canary between which a replication's cost is the difference: start-up and report drop out.
FEW, MANY = 500, 2500
BUSY = "not judged: others used the processor"


@dataclass
class Cost:
    wall: float
    cpu: float
    peak_mib: float


def cost(binary, arguments):
    """Runs the program once, its output thrown away.

    Trap: on Linux the peak of a child is at least what its parent had when it was started, here some 15 MiB.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    arguments = [str(argument) for argument in (binary, *arguments)]
    began = time.perf_counter()
    actions = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
    child = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - began
    os.close(null)
    if status != 0:
        raise SystemExit(f"peers: failed: {' '.join(arguments)}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def verdict(held):
    return "held" if held else "**missed**"


def played(binary, files):
    """How many replications of the canary are in the policy's row; those that could not start would be free."""
    command = [binary, "score", *files, "-n", str(FEW), "--format", "json", "--quiet"]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    rows = result["scorecard"]["rows"]
    return max((row["replications"]["flow"] for row in rows if "policy" in row["player"]), default=0)


def canary(binary, here, rounds, many):
    """Processor time a rollout of half an hour, and peak memory by replications."""
    files = [here / "error-ratio.yaml", "--scenario", here / "canary.yaml"]
    if played(binary, files) != FEW:
        raise SystemExit("peers: not every replication of canary.yaml was played, so its time means nothing")

    def score(n):
        return cost(binary, ["score", *files, "-n", n, "--jobs", 1, "--quiet"])

    few, more = zip(*((score(FEW), score(many)) for _ in range(rounds)))
    # A replication is two rollouts: the bad release and its healthy twin.
    rollouts = 2 * (many - FEW)
    each = (min(c.cpu for c in more) - min(c.cpu for c in few)) / rollouts * 1e6
    yield f"| `score`, one policy, a rollout (scrape, PromQL, record, score; four reference players too) | {each:.0f} us of CPU | <= 50 us | {verdict(each <= 50)} |"
    low, high = min(c.peak_mib for c in few), min(c.peak_mib for c in more)
    grows = (high - low) * 1024 / (many - FEW)
    yield f"| peak memory, {FEW} / {many} replications | {low:.0f} / {high:.0f} MiB: {grows:.1f} KiB a replication | - | |"


def threads(binary, rounds):
    """Wall time of the shipped policies on one scenario, by threads."""

    def wall(jobs):
        return cost(binary, ["score", "--scenario", "canary/error-regression", "-n", 64, "--jobs", jobs, "--quiet"])

    one, two = zip(*((wall(1), wall(2)) for _ in range(rounds)))
    one, two = (min(costs, key=lambda c: c.wall) for costs in (one, two))
    ratio = one.wall / two.wall
    # A run that did not get the cores it asked for says nothing about the program.
    alone = one.cpu >= 0.9 * one.wall
    held = verdict(ratio >= 1.7) if alone else BUSY
    yield f"| two threads, 64 replications, wall | {one.wall:.2f} s / {two.wall:.2f} s = {ratio:.2f}x (CPU {one.cpu:.2f} s, {two.cpu:.2f} s) | >= 1.7x | {held} |"


def start_up(binary, arguments, rounds):
    """Wall time of a command that does nothing long."""
    costs = [cost(binary, arguments) for _ in range(4 * rounds)]
    walls = [c.wall * 1e3 for c in costs]
    cpu = min(c.cpu for c in costs) * 1e3
    held = BUSY if cpu <= 20 < min(walls) else verdict(min(walls) <= 20)
    name = "backout " + " ".join(arguments)
    yield f"| `{name}`, wall | {min(walls):.1f} ms (median {median(walls):.1f}, CPU {cpu:.1f}) | <= 20 ms | {held} |"


def table(binary, here, rounds, divisor, cores):
    """The table of the program; the part with threads is not pinned to one core."""
    yield "| the program | measured | goal | |"
    yield "|---|---|---|---|"
    yield from canary(binary, here, rounds, FEW + (MANY - FEW) // divisor)
    yield from start_up(binary, ["--version"], rounds)
    yield from start_up(binary, ["list", "faults"], rounds)
    os.sched_setaffinity(0, cores)
    if len(cores) > 1:
        yield from threads(binary, rounds)
