"""One arm of a measurement: trains some steps whenever a line with their number comes in.

``python turn_by_turn.py TRAINING PEER`` answers each line with the seconds that these steps took
and the processor seconds since the last answer, as JSON. So several arms can be alive at once and
take turns of a fraction of a second: what disturbs the machine disturbs all of them alike.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what a peer prints is no answer


def main() -> None:
    name, peer = sys.argv[1:]
    import torch

    torch.set_num_threads(1)
    training = import_module(f"trainings.{name}").build()
    after_step = import_module("peers").PEERS[peer](training)
    clock, monotonic = time.perf_counter, time.monotonic
    waited = 0.0
    # The clocks stand still while others have their turn: a budget is a share of one's own time.
    time.perf_counter = lambda: clock() - waited
    time.monotonic = lambda: monotonic() - waited
    print(json.dumps({"ready": True}), file=answers)
    while True:
        begin = clock()
        line = sys.stdin.readline()
        if not line:
            return
        used = time.process_time()
        waited += clock() - begin
        begin = clock()
        for _ in range(int(line)):
            loss = training.step()
            if after_step is not None:
                after_step(loss)
        seconds = clock() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer = {"seconds": seconds, "processor": time.process_time() - used, "peak": peak}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
