"""Writes recurrence.safetensors: PyTorch's recurrent layers, with gradients through time.

    python3 recurrence.py      needs torch and safetensors; README.md says what is in the file
"""

import pathlib

import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.manual_seed(4)
arrays = {}
for name, layer in {
    "rnn": torch.nn.RNN(3, 4, batch_first=True),
    "rnn_relu": torch.nn.RNN(3, 4, nonlinearity="relu", batch_first=True),
    "lstm": torch.nn.LSTM(3, 4, batch_first=True),
    "gru": torch.nn.GRU(3, 4, batch_first=True),
}.items():
    states = 2 if name == "lstm" else 1
    x = torch.randn(2, 6, 3, requires_grad=True)
    start = [torch.randn(1, 2, 4, requires_grad=True) for _ in range(states)]
    y, _ = layer(x, tuple(start) if states == 2 else start[0])
    cotangent = torch.randn(y.shape)
    (y * cotangent).sum().backward()
    arrays |= {f"{name}/x": x, f"{name}/grad_x": x.grad, f"{name}/y": y, f"{name}/grad_y": cotangent}
    for number, state in enumerate(start):
        arrays[f"{name}/state_{number}"] = state[0]
        arrays[f"{name}/grad_state_{number}"] = state.grad[0]
    for key, value in layer.named_parameters():
        arrays[f"{name}/{key}"] = value
        arrays[f"{name}/grad_{key}"] = value.grad
path = pathlib.Path(__file__).with_name("recurrence.safetensors")
save_file({key: value.detach().contiguous() for key, value in arrays.items()}, path)
