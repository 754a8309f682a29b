#!/usr/bin/env python3
"""A rollback policy of your own, asked by `backout` over standard input and output.

Put your function in the place of `check_rollback_conditions`; the loop below it stays as it is.
See docs/process-policies.md for the messages.
"""

import json
import sys


def check_rollback_conditions(metrics, thresholds):
    """Whether to roll back, and why. A metric is None when there is no data."""
    reasons = []
    for name, limit in thresholds.items():
        value = metrics.get(name)
        if isinstance(value, (int, float)) and value > limit:
            reasons.append(f"{name} is {value:.4g}, above {limit:g}")
    return bool(reasons), reasons


def send(message):
    print(json.dumps(message), flush=True)


def main():
    thresholds, needed, bad_in_a_row = {}, 1, {}
    for line in sys.stdin:
        message = json.loads(line)
        kind, session = message["type"], message.get("session")
        if kind == "hello":
            params = message["params"] or {}
            thresholds, needed = params.get("thresholds", {}), params.get("in_a_row", 1)
            send({"type": "ready", "format": 1, "name": "rollback_policy.py"})
        elif kind == "reset":
            bad_in_a_row[session] = 0
        elif kind == "observe":
            bad, reasons = check_rollback_conditions(message["metrics"], thresholds)
            bad_in_a_row[session] = bad_in_a_row[session] + 1 if bad else 0
            roll_back = bad_in_a_row[session] >= needed
            send({
                "type": "verdict",
                "session": session,
                "tick": message["tick"],
                "verdict": "roll_back" if roll_back else "continue",
                "reasons": reasons,
            })
        elif kind == "end":
            bad_in_a_row.pop(session, None)


if __name__ == "__main__":
    main()
