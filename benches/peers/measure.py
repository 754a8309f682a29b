"""One line of JSON about one workload, as the Rust side prints it."""

import json
import time


def measured(workload, side, unit, play):
    """Runs `play`, which gives units done and the check, and prints what it cost in processor time."""
    before = time.process_time()
    units, check = play()
    cpu = time.process_time() - before
    line = {"workload": workload, "side": side, "unit": unit, "cpu_seconds": cpu, "units": units, "check": float(check)}
    print(json.dumps(line))
