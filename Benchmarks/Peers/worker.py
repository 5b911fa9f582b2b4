"""What a worker is: it reads a case a line, and answers with the seconds that one run of it takes.

A case is words, such as `matmul 512 512 512 NT`, `train 64-128-64-10 batchNorm 128` or
`batchNorm 512x2048`; see cases.txt. The answer is a line of JSON: {"seconds": s}, or
{"skipped": why}. The first line that a worker writes names it and its version.
"""

import json
import sys
import time

# Runs are repeated within one answer until they have taken so long, in seconds.
LEAST_DURATION = 0.1


class Skipped(Exception):
    """A case that this peer does not have."""


def seconds(run, finish):
    """The time of one run; `finish` waits until all that was begun is done."""
    repeats = 1
    while True:
        start = time.perf_counter()
        for _ in range(repeats):
            result = run()
        finish(result)
        duration = time.perf_counter() - start
        if duration >= LEAST_DURATION:
            return duration / repeats
        repeats = max(2 * repeats, int(repeats * LEAST_DURATION / max(duration, 1e-6)))


def serve(name, prepare, finish):
    """Answers until the input ends. `prepare(kind, arguments)` gives the function to time."""
    print(json.dumps({"worker": name}), flush=True)
    prepared = {}
    for line in sys.stdin:
        case = line.strip()
        try:
            if case not in prepared:
                kind, *arguments = case.split()
                prepared = {case: prepare(kind, arguments)}
                # Compilers and caches are warmed first.
                for _ in range(3):
                    finish(prepared[case]())
            answer = {"seconds": seconds(prepared[case], finish)}
        except Skipped as reason:
            answer = {"skipped": str(reason)}
        except Exception as error:
            answer = {"skipped": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


def matmul_arguments(arguments):
    """(m, k, n, whether a is stored transposed, whether b is)."""
    m, k, n = (int(word) for word in arguments[:3])
    return m, k, n, arguments[3][0] == "T", arguments[3][1] == "T"


def train_arguments(arguments):
    """(widths, whether hidden layers are batch-normalised, batch size)."""
    return [int(word) for word in arguments[0].split("-")], arguments[1] == "batchNorm", int(arguments[2])


def conv2d_arguments(arguments):
    """(shape of the images, output channels, length of the windows)."""
    return shape_argument(arguments), int(arguments[1]), int(arguments[2])


def shape_argument(arguments):
    """A shape such as 512x2048."""
    return [int(word) for word in arguments[0].split("x")]
