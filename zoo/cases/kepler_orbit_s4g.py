"""Solve Kepler's equation M = E - e sin E with a small network, tensors only."""
import math

import torch

torch.manual_seed(1609)

N_TRAIN, N_TEST, BATCH, STEPS = 4000, 1000, 64, 2500


def orbits(n):
    anomaly = torch.rand(n) * 2 * math.pi
    ecc = torch.rand(n) * 0.6
    E = anomaly.clone()
    for _ in range(30):
        E = E - (E - ecc * E.sin() - anomaly) / (1 - ecc * E.cos())
    features = torch.stack([anomaly.sin(), anomaly.cos(), (ecc - 0.3) / 0.17], dim=1)
    return features, (E - anomaly).unsqueeze(1)


x, y = orbits(N_TRAIN)
x_test, y_test = orbits(N_TEST)
scale = y.std()
y = y / scale


def layer(n_in, n_out):
    w = torch.randn(n_in, n_out) / math.sqrt(n_in)
    return [w.requires_grad_(), torch.zeros(n_out, requires_grad=True)]


params = layer(3, 32) + layer(32, 32) + layer(32, 1)


def predict(inputs):
    w1, b1, w2, b2, w3, b3 = params
    h = torch.tanh(inputs @ w1 + b1)
    h = torch.tanh(h @ w2 + b2)
    return h @ w3 + b3


beta1, beta2, eps = 0.9, 0.999, 1e-8
first = [torch.zeros_like(p) for p in params]
second = [torch.zeros_like(p) for p in params]
smooth = None

for t in range(1, STEPS + 1):
    rows = torch.randint(0, N_TRAIN, (BATCH,))
    loss = ((predict(x[rows]) - y[rows]) ** 2).mean()
    grads = torch.autograd.grad(loss, params)
    rate = 4e-3 * 0.5 * (1 + math.cos(math.pi * t / STEPS))
    with torch.no_grad():
        for p, g, m, v in zip(params, grads, first, second):
            m.mul_(beta1).add_(g, alpha=1 - beta1)
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            m_hat = m / (1 - beta1 ** t)
            v_hat = v / (1 - beta2 ** t)
            p -= rate * m_hat / (v_hat.sqrt() + eps)
    smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
    if t % 250 == 0:
        print(f"{t:5d}  {smooth:.6f}")

with torch.no_grad():
    miss = predict(x_test) * scale - y_test
r2 = 1 - (miss ** 2).sum() / ((y_test - y_test.mean()) ** 2).sum()
print(f"largest error {miss.abs().max().item():.4f} rad")
print(f"R^2 on new orbits: {r2.item():.5f}")
