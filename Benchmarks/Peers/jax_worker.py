"""JAX, compiled, on the processor."""

import functools

import jax
import jax.numpy as jnp

from worker import Skipped, conv2d_arguments, matmul_arguments, serve, shape_argument, train_arguments

KEY = jax.random.key(0)


def matmul(arguments):
    m, k, n, a_transposed, b_transposed = matmul_arguments(arguments)
    a = jax.random.normal(KEY, (k, m) if a_transposed else (m, k))
    b = jax.random.normal(KEY, (n, k) if b_transposed else (k, n))
    product = jax.jit(lambda a, b: (a.T if a_transposed else a) @ (b.T if b_transposed else b))
    return lambda: product(a, b)


def normalized(x, scale, shift, axes):
    mean = x.mean(axes, keepdims=True)
    variance = x.var(axes, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + shift, mean, variance


def train(arguments):
    widths, has_batch_norm, batch = train_arguments(arguments)
    keys = jax.random.split(KEY, len(widths))
    parameters = [
        {"w": jax.random.normal(key, (inputs, outputs)) / inputs**0.5, "b": jnp.zeros(outputs)}
        | ({"scale": jnp.ones(outputs), "shift": jnp.zeros(outputs)} if has_batch_norm else {})
        for key, inputs, outputs in zip(keys, widths, widths[1:])
    ]
    running = [(jnp.zeros(width), jnp.ones(width)) for width in widths[1:-1]]
    x = jax.random.normal(KEY, (batch, widths[0]))
    labels = jax.random.randint(KEY, (batch,), 0, widths[-1])

    def loss(parameters, running, x, labels):
        following = []
        for number, layer in enumerate(parameters):
            x = x @ layer["w"] + layer["b"]
            if number == len(parameters) - 1:
                break
            if has_batch_norm:
                x, mean, variance = normalized(x, layer["scale"], layer["shift"], 0)
                old = running[number]
                following.append((0.9 * old[0] + 0.1 * mean[0], 0.9 * old[1] + 0.1 * variance[0]))
            x = jax.nn.relu(x)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(x), labels[:, None], 1)
        return -chosen.mean(), following

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2, 3))
    def step(parameters, first, second, running, count, x, labels):
        (value, running), gradients = jax.value_and_grad(loss, has_aux=True)(
            parameters, running, x, labels)
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        parameters = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, first, second)
        return parameters, first, second, running, count, value

    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = [parameters, zeros, jax.tree.map(jnp.zeros_like, parameters), running, jnp.float32(0)]

    def run():
        *state[:], value = step(*state, x, labels)
        return value

    return run


def batch_norm(arguments):
    shape = shape_argument(arguments)
    axes = (0, *range(2, len(shape)))
    x = jax.random.normal(KEY, shape)
    cotangent = jax.random.normal(KEY, shape)
    channels = [1, shape[1]] + [1] * (len(shape) - 2)
    scale, shift = jnp.ones(channels), jnp.zeros(channels)
    running = jnp.zeros(channels), jnp.ones(channels)

    @jax.jit
    def step(x, scale, shift, running, cotangent):
        def apply(x, scale, shift):
            y, mean, variance = normalized(x, scale, shift, axes)
            return y, (0.9 * running[0] + 0.1 * mean, 0.9 * running[1] + 0.1 * variance)

        y, pullback, statistics = jax.vjp(apply, x, scale, shift, has_aux=True)
        return y, pullback(cotangent), statistics

    return lambda: step(x, scale, shift, running, cotangent)


def conv2d(arguments):
    shape, outputs, kernel = conv2d_arguments(arguments)
    x = jax.random.normal(KEY, shape)
    weight = jax.random.normal(KEY, (outputs, shape[1], kernel, kernel))
    bias = jax.random.normal(KEY, (outputs, 1, 1))
    cotangent = jax.random.normal(KEY, (shape[0], outputs, *shape[2:]))

    @jax.jit
    def step(x, weight, bias, cotangent):
        y, pullback = jax.vjp(
            lambda x, weight, bias: jax.lax.conv(x, weight, (1, 1), "SAME") + bias, x, weight, bias)
        return y, pullback(cotangent)

    return lambda: step(x, weight, bias, cotangent)


def cnn(arguments):
    raise Skipped("not measured")


KINDS = {"matmul": matmul, "train": train, "batchNorm": batch_norm, "conv2d": conv2d, "cnn": cnn}
serve(f"JAX {jax.__version__}", lambda kind, arguments: KINDS[kind](arguments), jax.block_until_ready)
