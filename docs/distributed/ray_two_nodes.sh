#!/usr/bin/env bash
# Two Ray nodes on loopback, one of which is killed in the middle of a study; the merged result has to be that of one
# machine, byte for byte.
#
#   docs/distributed/ray_two_nodes.sh BACKOUT [SHARDS]
#
# Needs `ray` and `python` of an environment with Ray in the PATH. Ends with 0 if the bytes are equal.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
backout=$(realpath "$1")
shards=${2:-24}
port=${RAY_TEST_PORT:-6399}
folder=$(mktemp -d)
export RAY_USAGE_STATS_ENABLED=0 RAY_DISABLE_IMPORT_WARNING=1

# Only nodes that were started here are ended: both live in process groups of their own.
groups=()
finish() {
    for group in "${groups[@]}"; do kill -9 -- "-$group" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT

node() {
    setsid ray start --block --num-cpus=1 --disable-usage-stats "$@" >"$folder/node-${#groups[@]}.log" 2>&1 &
    groups+=($!)
}

study=(golden-signals -s canary/error-regression -n "${REPLICATIONS:-2400}")
"$backout" plan "${study[@]}" --shards "$shards" --out "$folder/plan.json"
node --head --port="$port" --include-dashboard=false --temp-dir="$folder/ray"
until ray status --address="127.0.0.1:$port" >/dev/null 2>&1; do sleep 1; done
node --address="127.0.0.1:$port"
until [ "$(ray status --address="127.0.0.1:$port" 2>/dev/null | grep -c '^ 1 node_')" -ge 2 ]; do sleep 1; done

python "$here/ray_driver.py" "$folder/plan.json" "$folder/results" --backout "$backout" \
    --address "127.0.0.1:$port" >"$folder/driver.log" 2>&1 &
driver=$!
until [ "$(find "$folder/results" -name '*.bin' 2>/dev/null | wc -l)" -ge $((shards / 4)) ]; do
    kill -0 "$driver" || { cat "$folder/driver.log"; exit 1; }
    sleep 0.2
done
echo "killing node 2 after $(find "$folder/results" -name '*.bin' | wc -l) of $shards shards"
kill -9 -- "-${groups[1]}"
wait "$driver" || { tail -20 "$folder/driver.log"; exit 1; }
grep -o 'from node [0-9a-f]*' "$folder/driver.log" | sort | uniq -c

"$backout" merge "$folder/plan.json" "$folder"/results/*.bin --format json --out "$folder/merged.json"
"$backout" score "${study[@]}" --format json --out "$folder/alone.json"
cmp "$folder/merged.json" "$folder/alone.json"
echo "$shards shards on two nodes, one killed: the bytes of one machine"
