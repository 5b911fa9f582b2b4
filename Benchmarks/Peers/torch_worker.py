"""PyTorch, eager, on the processor."""

import torch
from torch import nn

from worker import conv2d_arguments, matmul_arguments, serve, shape_argument, train_arguments


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
    return training(nn.Sequential(*layers), torch.randn(batch, widths[0]), widths[-1])


def cnn(arguments):
    batch = int(arguments[0])
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))
    return training(model, torch.randn(batch, 1, 28, 28), 10)


def training(model, inputs, classes):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    labels = torch.randint(classes, (len(inputs),))

    def step():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def conv2d(arguments):
    shape, outputs, kernel = conv2d_arguments(arguments)
    x = torch.randn(shape, requires_grad=True)
    layer = nn.Conv2d(shape[1], outputs, kernel, padding=kernel // 2)
    cotangent = torch.randn(shape[0], outputs, *shape[2:])

    def step():
        return torch.autograd.grad(layer(x), [x, layer.weight, layer.bias], cotangent)

    return step


def batch_norm(arguments):
    shape = shape_argument(arguments)
    layer = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(shape[1])
    x = torch.randn(shape, requires_grad=True)
    cotangent = torch.randn(shape)

    def step():
        return torch.autograd.grad(layer(x), [x, layer.weight, layer.bias], cotangent)

    return step


KINDS = {"matmul": matmul, "train": train, "batchNorm": batch_norm, "conv2d": conv2d, "cnn": cnn}
serve(f"PyTorch {torch.__version__}", lambda kind, arguments: KINDS[kind](arguments), lambda result: None)
