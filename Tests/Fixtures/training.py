"""Writes training.safetensors: what PyTorch makes of further losses, optimisers and schedules.

    python3 training.py        needs torch and safetensors; README.md says what is in the file
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch.nn import functional
from torch.optim import lr_scheduler

torch.set_default_dtype(torch.float64)
arrays = {}


def loss(name, function, differentiable, **constants):
    """Values and gradients of a loss, one for each row or a mean, under a random cotangent."""
    inputs = {key: value.clone().requires_grad_() for key, value in differentiable.items()}
    y = function(**inputs, **constants)
    cotangent = torch.randn(y.shape)
    (y * cotangent).sum().backward()
    for key, value in {**inputs, **constants, "y": y, "grad_y": cotangent}.items():
        arrays[f"{name}/{key}"] = value.detach()
    for key, value in inputs.items():
        arrays[f"{name}/grad_{key}"] = value.grad


def losses():
    torch.manual_seed(1)
    logits = torch.randn(7, 5) * 3
    extreme = torch.tensor([[1e4, -1e4, 0, 9e3, 1], [-1e4, -1e4, 0, -1e4, 5]])
    labels = torch.tensor([0, 3, 4, 1, 1, 2, 0])
    shares = functional.softmax(torch.randn(7, 5), dim=1)
    sparse = torch.tensor([[0.25, 0, 0.75, 0, 0], [0, 0, 0.5, 0.5, 0]])
    weights = torch.tensor([0.5, 2, 1, 3, 0.25])
    x, y = torch.randn(7, 5) * 2, torch.randn(7, 5)
    entropy, divergence = functional.cross_entropy, functional.kl_div
    hinge = functional.multi_margin_loss

    for reduction in ["mean", "none"]:
        for case, options in {
            "smoothing": dict(label_smoothing=0.3),
            "weights": dict(weight=weights),
            "weights_smoothing": dict(weight=weights, label_smoothing=0.3),
        }.items():
            loss(
                f"cross_entropy_{case}_{reduction}",
                lambda logits, labels: entropy(logits, labels, reduction=reduction, **options),
                dict(logits=logits), labels=labels)
            loss(
                f"cross_entropy_distributions_{case}_{reduction}",
                lambda logits, targets: entropy(logits, targets, reduction=reduction, **options),
                dict(logits=logits, targets=shares))
        loss(
            f"hinge_weights_{reduction}",
            lambda logits, labels: hinge(
                logits, labels, margin=0.7, weight=weights, reduction=reduction),
            dict(logits=logits), labels=labels)
        loss(
            f"bce_positive_weight_{reduction}",
            lambda logits, targets: functional.binary_cross_entropy_with_logits(
                logits, targets, pos_weight=torch.tensor(3.0), reduction=reduction),
            dict(logits=logits, targets=shares))
    arrays["class_weights"] = weights
    loss(
        "cross_entropy_distributions_extreme",
        lambda logits, targets: entropy(logits, targets, reduction="none"),
        dict(logits=extreme), targets=sparse)
    loss(
        "hinge_extreme", lambda logits, labels: hinge(logits, labels, reduction="none"),
        dict(logits=extreme), labels=labels[:2])
    loss(
        "kl_mean",
        lambda logits, targets: divergence(
            functional.log_softmax(logits, dim=1), targets, reduction="batchmean"),
        dict(logits=logits, targets=shares))
    loss(
        "kl_none",
        lambda logits, targets: divergence(
            functional.log_softmax(logits, dim=1), targets, reduction="none").sum(dim=1),
        dict(logits=logits, targets=shares))
    loss(
        "kl_extreme",
        lambda logits, targets: divergence(
            functional.log_softmax(logits, dim=1), targets, reduction="none").sum(dim=1),
        dict(logits=extreme), targets=sparse)
    for case, function in {
        "mse": functional.mse_loss,
        "l1": functional.l1_loss,
        "huber_0.5": lambda *x, **options: functional.huber_loss(*x, delta=0.5, **options),
    }.items():
        loss(
            f"{case}_none",
            lambda prediction, target: function(prediction, target, reduction="none").mean(dim=1),
            dict(prediction=x, target=y))
    loss(
        "huber_0.5_mean", lambda prediction, target: functional.huber_loss(
            prediction, target, delta=0.5), dict(prediction=x, target=y))


STEPS = 25


def optimizers():
    """From `start` along gradients[t] + 0.3 · parameter, as in optimizers.safetensors."""
    torch.manual_seed(2)
    start, gradients = torch.randn(17), torch.randn(STEPS, 17)
    arrays["start"], arrays["gradients"] = start, gradients

    def run(name, make, before=lambda p: None, after=lambda p: None):
        p = torch.nn.Parameter(start.clone())
        optimizer = make([p])
        trajectory = []
        for t in range(STEPS):
            p.grad = gradients[t] + 0.3 * p.detach()
            before(p)
            optimizer.step()
            after(p)
            trajectory.append(p.detach().clone())
        arrays[f"{name}/trajectory"] = torch.stack(trajectory)

    optim = torch.optim
    run("adagrad_decays", lambda p: optim.Adagrad(
        p, lr=0.1, lr_decay=0.05, weight_decay=0.1, initial_accumulator_value=0.2, eps=1e-3))
    run("adadelta_decay", lambda p: optim.Adadelta(
        p, lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1))
    run("rmsprop_centered", lambda p: optim.RMSprop(p, lr=0.01, alpha=0.9, centered=True))
    run("rmsprop_momentum", lambda p: optim.RMSprop(
        p, lr=0.01, alpha=0.95, eps=1e-4, momentum=0.8, weight_decay=0.1))
    run("rmsprop_centered_momentum", lambda p: optim.RMSprop(
        p, lr=0.01, alpha=0.95, momentum=0.8, centered=True))
    run("amsgrad_decay", lambda p: optim.Adam(
        p, lr=0.05, betas=(0.8, 0.9), amsgrad=True, weight_decay=0.1))
    run("amsgrad_decoupled", lambda p: optim.AdamW(
        p, lr=0.05, betas=(0.8, 0.9), amsgrad=True, weight_decay=0.1))
    run("nadam_decay", lambda p: optim.NAdam(
        p, lr=0.02, betas=(0.8, 0.95), weight_decay=0.1, momentum_decay=0.05))
    run("nadam_decoupled", lambda p: optim.NAdam(
        p, lr=0.02, weight_decay=0.1, decoupled_weight_decay=True))
    run("sgd_clip_norm_1.5", lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
        before=lambda p: torch.nn.utils.clip_grad_norm_([p], 1.5))
    run("sgd_clip_value_0.4", lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
        before=lambda p: torch.nn.utils.clip_grad_value_([p], 0.4))


def schedules():
    """The learning rate of each of 60 steps, from 0.5."""

    def run(name, make, metrics=None):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
        scheduler = make(optimizer)
        rates = []
        for t in range(60):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step() if metrics is None else scheduler.step(metrics[t])
        arrays[f"schedule_{name}"] = torch.tensor(rates)

    run("step_7_0.5", lambda o: lr_scheduler.StepLR(o, 7, gamma=0.5))
    run("exponential_0.9", lambda o: lr_scheduler.ExponentialLR(o, 0.9))
    run("cosine_60", lambda o: lr_scheduler.CosineAnnealingLR(o, 60))
    run("cosine_59_0.05", lambda o: lr_scheduler.CosineAnnealingLR(o, 59, eta_min=0.05))
    run("warm_up_cosine_10_60", lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=10),
            lr_scheduler.CosineAnnealingLR(o, 50, eta_min=0.005)], [10]))
    run("linear_0.25_1_20", lambda o: lr_scheduler.LinearLR(
        o, start_factor=0.25, end_factor=1, total_iters=20))
    run("linear_1_0.1_40", lambda o: lr_scheduler.LinearLR(
        o, start_factor=1, end_factor=0.1, total_iters=40))
    run("one_cycle", lambda o: lr_scheduler.OneCycleLR(
        o, 0.5, total_steps=61, cycle_momentum=False))
    run("one_cycle_settings", lambda o: lr_scheduler.OneCycleLR(
        o, 0.5, total_steps=61, pct_start=0.45, div_factor=10, final_div_factor=100,
        cycle_momentum=False))
    torch.manual_seed(3)
    metrics = 2 * torch.exp(-torch.arange(60) / 10) + 0.05 * torch.randn(60)
    arrays["plateau_metrics"] = metrics
    run("plateau", lambda o: lr_scheduler.ReduceLROnPlateau(o), metrics)
    run("plateau_settings", lambda o: lr_scheduler.ReduceLROnPlateau(
        o, factor=0.5, patience=3, threshold=0.02, cooldown=2, min_lr=0.05), metrics)


losses()
optimizers()
schedules()
arrays = {name: value.clone().contiguous() for name, value in arrays.items()}
save_file(arrays, pathlib.Path(__file__).with_name("training.safetensors"))
