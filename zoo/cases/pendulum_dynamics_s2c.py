# Learned dynamics of a torque-driven pendulum: (sin, cos, speed, torque) -> change of (speed, energy) in 0.1 s
import numpy as np
import torch
import torch.nn as nn

np.random.seed(8)
torch.manual_seed(8)

DT, G, DAMP = 0.02, 9.81, 0.15


def rollout(episodes, horizon):
    th = np.random.uniform(-np.pi, np.pi, episodes)
    om = np.random.uniform(-4, 4, episodes)
    inputs, changes = [], []
    for _ in range(horizon):
        u = np.random.uniform(-3, 3, episodes)
        th0, om0 = th.copy(), om.copy()
        for _ in range(5):
            om = om + DT * (-G * np.sin(th) - DAMP * om + u)
            th = th + DT * om
        energy = lambda t, w: 0.5 * w**2 - G * np.cos(t)
        inputs.append(np.stack([np.sin(th0), np.cos(th0), om0, u], 1))
        changes.append(np.stack([om - om0, energy(th, om) - energy(th0, om0)], 1))
    return np.concatenate(inputs), np.concatenate(changes)


def build(sizes, act=nn.ReLU):
    layers = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(n_in, n_out), act()]
    return nn.Sequential(*layers)


x, y = rollout(120, 30)
x_val, y_val = rollout(40, 30)
x_mu, x_sd, y_mu, y_sd = x.mean(0), x.std(0), y.mean(0), y.std(0)
x, x_val = [torch.from_numpy((a - x_mu) / x_sd).float() for a in (x, x_val)]
y, y_val = [torch.from_numpy((a - y_mu) / y_sd).float() for a in (y, y_val)]

dynamics = build([4, 64, 64, 2])
optimizer = torch.optim.AdamW(dynamics.parameters(), lr=2e-3, weight_decay=1e-4)
print(sum(p.numel() for p in dynamics.parameters()), "parameters,", len(x), "transitions")

step = 0
for epoch in range(20):
    order = torch.randperm(len(x))
    for start in range(0, len(x), 64):
        pick = order[start:start + 64]
        loss = ((dynamics(x[pick]) - y[pick]) ** 2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 200 == 0:
            with torch.no_grad():
                v = ((dynamics(x_val) - y_val) ** 2).mean()
            print(f"step {step:5d} | batch mse {loss.item():.4f} | val mse {v.item():.4f}")

with torch.no_grad():
    pred = dynamics(x_val)
    r2 = 1 - ((pred - y_val) ** 2).sum(0) / ((y_val - y_val.mean(0)) ** 2).sum(0)
print("R2 speed, energy:", [round(v, 3) for v in r2.tolist()])
print(f"mean R2: {r2.mean().item():.3f}")
