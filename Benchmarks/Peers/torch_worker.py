"""PyTorch, eager, on the processor."""

import torch
from torch import nn

from worker import matmul_arguments, serve, shape_argument, train_arguments


def matmul(arguments):
    m, k, n, a_transposed, b_transposed = matmul_arguments(arguments)
    a = torch.randn((k, m) if a_transposed else (m, k))
    b = torch.randn((n, k) if b_transposed else (k, n))
    left, right = (a.T if a_transposed else a), (b.T if b_transposed else b)
    output = torch.empty(m, n)
    return lambda: torch.matmul(left, right, out=output)


def train(arguments):
    widths, has_batch_norm, batch = train_arguments(arguments)
    layers = []
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers.append(nn.Linear(inputs, outputs))
        if number < len(widths) - 2:
            layers += [nn.BatchNorm1d(outputs)] if has_batch_norm else []
            layers.append(nn.ReLU())
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    inputs = torch.randn(batch, widths[0])
    labels = torch.randint(widths[-1], (batch,))

    def step():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def batch_norm(arguments):
    shape = shape_argument(arguments)
    layer = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(shape[1])
    x = torch.randn(shape, requires_grad=True)
    cotangent = torch.randn(shape)

    def step():
        return torch.autograd.grad(layer(x), [x, layer.weight, layer.bias], cotangent)

    return step


KINDS = {"matmul": matmul, "train": train, "batchNorm": batch_norm}
serve(f"PyTorch {torch.__version__}", lambda kind, arguments: KINDS[kind](arguments), lambda result: None)
