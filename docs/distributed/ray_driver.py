"""Plays the shards of a backout plan on a Ray cluster.

    python ray_driver.py PLAN RESULTS [--backout PATH] [--address ADDRESS]

A shard is a task: it writes the plan to a folder of its own, runs `backout work` there and gives the bytes back through
Ray's object store, so the nodes need no common folder, only the program. What is in RESULTS already is not played again:
`work` is a function of plan and shard. A task whose node died is tried elsewhere (Ray does that by itself, `max_retries`);
exit codes 2 and 10 are final, the others are tried again.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import ray

FINAL = (2, 10)


class TryAgain(Exception):
    """The program failed in a way that may pass."""


@ray.remote(num_cpus=1, max_retries=5, retry_exceptions=[TryAgain])
def work(backout: str, plan: bytes, shard: int):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "plan.json").write_bytes(plan)
        words = [backout, "work", "plan.json", "--shard", str(shard), "--out", "shard.bin", "--jobs", "1"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        if done.returncode == 0:
            return pathlib.Path(folder, "shard.bin").read_bytes(), ray.get_runtime_context().get_node_id()
        if done.returncode in FINAL:
            raise RuntimeError(f"shard {shard}: exit {done.returncode}: {done.stderr}")
        raise TryAgain(f"shard {shard}: exit {done.returncode}: {done.stderr}")


def keep(path: pathlib.Path, content: bytes) -> None:
    """Whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("plan", type=pathlib.Path)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--backout", default="backout", help="the program, as the nodes find it")
    parser.add_argument("--address", default="auto")
    args = parser.parse_args()

    text = args.plan.read_bytes()
    args.results.mkdir(parents=True, exist_ok=True)
    path = lambda shard: args.results / f"shard-{shard}.bin"
    missing = [shard for shard in range(json.loads(text)["shards"]) if not path(shard).exists()]
    print(f"{len(missing)} shards to play", flush=True)

    ray.init(address=args.address, log_to_driver=False)
    plan = ray.put(text)
    waiting = {work.remote(args.backout, plan, shard): shard for shard in missing}
    while waiting:
        ready, _ = ray.wait(list(waiting))
        for task in ready:
            shard = waiting.pop(task)
            content, node = ray.get(task)
            keep(path(shard), content)
            print(f"shard {shard} from node {node[:8]}, {len(waiting)} left", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
