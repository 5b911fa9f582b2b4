"""tinygrad on the first OpenCL device, captured by its TinyJit."""

import importlib.metadata
import os

os.environ.setdefault("DEV", "CL")

from tinygrad import Context, Device, Tensor, TinyJit, nn

from worker import Skipped, matmul_arguments, serve, train_arguments


def matmul(arguments):
    m, k, n, a_transposed, b_transposed = matmul_arguments(arguments)
    a = Tensor.randn(*((k, m) if a_transposed else (m, k))).realize()
    b = Tensor.randn(*((n, k) if b_transposed else (k, n))).realize()

    @TinyJit
    def product(a, b):
        return ((a.T if a_transposed else a) @ (b.T if b_transposed else b)).realize()

    return lambda: product(a, b)


def train(arguments):
    widths, has_batch_norm, batch = train_arguments(arguments)
    if sum(a * b for a, b in zip(widths, widths[1:])) > 4_000_000:
        raise Skipped("takes minutes")
    layers = []
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers.append(nn.Linear(inputs, outputs))
        if number < len(widths) - 2:
            layers += [nn.BatchNorm(outputs)] if has_batch_norm else []
            layers.append(Tensor.relu)
    optimizer = nn.optim.Adam(nn.state.get_parameters(layers), lr=1e-3)
    x = Tensor.randn(batch, widths[0]).realize()
    labels = Tensor.randint(batch, high=widths[-1]).realize()

    @TinyJit
    def step(x, labels):
        with Context(TRAINING=1):
            optimizer.zero_grad()
            loss = x.sequential(layers).sparse_categorical_crossentropy(labels).backward()
            return loss.realize(*optimizer.schedule_step())

    return lambda: step(x, labels)


def prepare(kind, arguments):
    kinds = {"matmul": matmul, "train": train}
    if kind not in kinds:
        raise Skipped("not measured")
    return kinds[kind](arguments)


serve(
    f"tinygrad {importlib.metadata.version('tinygrad')} on {Device.DEFAULT}",
    prepare, lambda result: Device[Device.DEFAULT].synchronize())
