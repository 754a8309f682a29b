"""Plays every workload on every side, interleaved, and prints the tables; started by `run`.

A side's figure is the least processor time a unit of all repetitions. Before any time is compared, the checks of all
sides are: sides that do not compute the same thing end the run.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import program
from plan import CHECKS, GOALS, SIDES

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "target"
PEERS = TARGET / "peers" / "build" / "release" / "backout-peers"


def command(workload, side, units):
    """How a side is started."""
    if side == "SimPy":
        return [sys.executable, HERE / "queue_simpy.py", workload, str(units)]
    if side.startswith("numpy"):
        return [sys.executable, HERE / "flow_numpy.py", workload, side, str(units)]
    return [PEERS, workload, side, str(units)]


def play(workload, side, units):
    """The line a side prints."""
    child = subprocess.run(command(workload, side, units), capture_output=True, text=True)
    if child.returncode != 0:
        sys.exit(f"peers: `{side}` of `{workload}` failed:\n{child.stderr}")
    return json.loads(child.stdout)


def rounds(repetitions, divisor, log):
    """All lines, by workload and side; each round plays every side once."""
    lines = {}
    for repetition in range(repetitions):
        print(f"peers: round {repetition + 1} of {repetitions}", file=sys.stderr)
        for (workload, side), units in SIDES.items():
            line = play(workload, side, max(units // divisor, 1))
            lines.setdefault((workload, side), []).append(line)
            print(json.dumps(line), file=log, flush=True)
    return lines


def stored(log):
    """The lines of a run that has been, even if it was interrupted after its first round."""
    lines = {}
    for line in map(json.loads, log):
        lines.setdefault((line["workload"], line["side"]), []).append(line)
    missing = SIDES.keys() - lines.keys()
    if missing:
        sys.exit(f"peers: no round was finished: {len(missing)} sides are missing")
    return lines


def wrong(lines):
    """Sides whose check is not what it must be."""
    for (workload, side), all_of_it in lines.items():
        for line in all_of_it:
            low, high = CHECKS[workload](line, lambda other: lines[workload, other][0])
            if not low <= line["check"] <= high:
                yield f"{workload}, {side}: {line['check']:.4f} is not within {low:.4f} to {high:.4f}"


def nanoseconds(lines):
    """The least processor time a unit."""
    return min(line["cpu_seconds"] / line["units"] for line in lines) * 1e9


def time_text(ns):
    return f"{ns:.1f} ns" if ns < 1e3 else f"{ns / 1e3:.2f} us" if ns < 1e6 else f"{ns / 1e6:.2f} ms"


def comparison(lines):
    """The table of what is compared with a peer."""
    yield "| workload | ours | peer | ratio | goal | |"
    yield "|---|---|---|---|---|---|"
    for goal in GOALS:
        ours, peer = (nanoseconds(lines[goal.workload, side]) for side in (goal.ours, goal.peer))
        unit = lines[goal.workload, goal.ours][0]["unit"]
        ratio, verdict = goal.judge(ours, peer)
        cells = [
            f"{goal.workload}, per {unit}",
            f"{goal.ours} {time_text(ours)}",
            f"{goal.peer} {time_text(peer)}",
            ratio,
            goal.text(),
            verdict,
        ]
        yield "| " + " | ".join(cells) + " |"


def rest(lines):
    """Sides that stand in no comparison."""
    named = {(goal.workload, side) for goal in GOALS for side in (goal.ours, goal.peer)}
    for workload, side in lines:
        if (workload, side) not in named:
            unit = lines[workload, side][0]["unit"]
            yield f"{workload}, {side}: {time_text(nanoseconds(lines[workload, side]))} per {unit}"


def checks(lines):
    """What the sides computed, for the reader."""
    for workload in dict.fromkeys(workload for workload, _ in lines):
        found = [f"{s} {lines[w, s][0]['check']:.4g}" for w, s in lines if w == workload]
        yield f"{workload}: " + ", ".join(found)


def main():
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of a quarter of the units, to try it")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of each side [default: 5]")
    parser.add_argument("--stored", action="store_true", help="take the sides from the last run's results")
    args = parser.parse_args()
    count, divisor = (2, 4) if args.quick else (max(args.rounds, 1), 1)
    cores = os.sched_getaffinity(0)
    load = os.getloadavg()[0]

    os.sched_setaffinity(0, {max(cores)})
    results = TARGET / "peers" / "results.jsonl"
    with results.open("r" if args.stored else "w") as log:
        lines = stored(log) if args.stored else rounds(count, divisor, log)
    least = min(len(of_side) for of_side in lines.values())
    failures = list(wrong(lines))
    if failures:
        sys.exit("peers: sides disagree, so their times mean nothing:\n  " + "\n  ".join(failures))
    print("\n".join(comparison(lines)))
    print("\nOther sides: " + "; ".join(rest(lines)) + ".")
    print("\nWhat was computed (all within bounds):\n" + "\n".join(f"- {line}" for line in checks(lines)) + "\n")
    print("\n".join(program.table(TARGET / "release" / "backout", HERE, count, divisor, cores)))
    print(f"\nRounds: {least}. Load average of the machine: {load:.1f} before, {os.getloadavg()[0]:.1f} after; {len(cores)} cores.")


if __name__ == "__main__":
    main()
