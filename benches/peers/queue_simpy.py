"""M/M/1 and the two request graphs in SimPy: `queue_simpy.py WORKLOAD UNITS` prints one line of JSON.

The models are those of `benches/engine/models` (graph-30) and `benches/world` (graph-11); times are in service times
(mm1) or milliseconds.
"""

import random
import sys

import simpy
from measure import measured

SEED = 20260101

# graph-30: after its own work a service calls all of these at once; workers are free while replies are awaited.
AT_ONCE = [[1, 2, 3], [4, 5], [6, 7], [8], [], [], [], [], [9], []]
# graph-11: one after the other; a worker is held until the last reply.
IN_TURN = [[1, 2, 3], [4, 5], [6, 7], [8, 9], [], [], [], [], [], []]


def mm1(customers):
    """Mean waiting time in service times."""
    env, draw = simpy.Environment(), random.Random(SEED)
    server, waited = simpy.Resource(env), [0.0]

    def customer():
        arrived = env.now
        with server.request() as turn:
            yield turn
            waited[0] += env.now - arrived
            yield env.timeout(draw.expovariate(1.0))

    def source():
        for _ in range(customers):
            env.process(customer())
            yield env.timeout(draw.expovariate(0.8))

    env.process(source())
    env.run()
    return customers, waited[0] / customers


def graph(requests, gap, call):
    """Mean latency in ms of requests that come in exponential gaps; `call(env, draw, service)` plays one call."""
    env, draw = simpy.Environment(), random.Random(SEED)
    latency, play = [0.0], call(env, draw)

    def request():
        began = env.now
        yield from play(0)
        latency[0] += env.now - began

    def source():
        for _ in range(requests):
            env.process(request())
            yield env.timeout(draw.expovariate(1.0 / gap))

    env.process(source())
    env.run()
    return requests, latency[0] / requests


def at_once(env, draw):
    """Four workers, 2.8 ms of work, 0.5 ms of network each way; the user's call arrives without delay."""
    workers = [simpy.Resource(env, 4) for _ in AT_ONCE]

    def network():
        return env.timeout(draw.expovariate(2.0))

    def play(service):
        with workers[service].request() as turn:
            yield turn
            yield env.timeout(draw.expovariate(1.0 / 2.8))
        if AT_ONCE[service]:
            yield env.all_of([env.process(call(callee)) for callee in AT_ONCE[service]])
        yield network()

    def call(service):
        yield network()
        yield from play(service)

    return play


def in_turn(env, draw):
    """64 workers, 8 ms of work, no network."""
    workers = [simpy.Resource(env, 64) for _ in IN_TURN]

    def play(service):
        with workers[service].request() as turn:
            yield turn
            yield env.timeout(draw.expovariate(1.0 / 8.0))
            for callee in IN_TURN[service]:
                yield from play(callee)

    return play


WORKLOADS = {
    "mm1": ("customer", mm1),
    "graph-30": ("request", lambda n: graph(n, 1.0, at_once)),
    "graph-11": ("request", lambda n: graph(n, 10.0, in_turn)),
}

if __name__ == "__main__":
    workload, units = sys.argv[1], int(sys.argv[2])
    unit, play = WORKLOADS[workload]
    measured(workload, "SimPy", unit, lambda: play(units))
