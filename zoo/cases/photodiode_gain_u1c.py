# Photodiode read-out: current = gain(temperature, bias) * response(spectrum)
# Two small networks, one for each factor, trained together.
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(5)
rng = np.random.default_rng(5)

n = 1600
env = rng.uniform(-1, 1, (n, 2))                       # temperature, bias voltage (scaled)
bands = rng.dirichlet(np.ones(6), n)                   # share of light in six bands
gain = 1.0 + 0.5 * np.tanh(2 * env[:, 1]) - 0.3 * env[:, 0] ** 2
resp = bands @ np.array([0.2, 0.6, 1.1, 1.4, 0.9, 0.3]) + 0.8 * bands[:, 2] * bands[:, 3]
current = gain * resp + 0.01 * rng.standard_normal(n)

env_t = torch.tensor(env, dtype=torch.float32)
bands_t = torch.tensor((bands - bands.mean(0)) / bands.std(0), dtype=torch.float32)
cur_t = torch.tensor((current - current.mean()) / current.std(), dtype=torch.float32).unsqueeze(1)


def small_net(n_in):
    return nn.Sequential(nn.Linear(n_in, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))


gain_net, resp_net = small_net(2), small_net(6)
gain_opt = torch.optim.Adam(gain_net.parameters(), lr=3e-3)
resp_opt = torch.optim.Adam(resp_net.parameters(), lr=3e-3)
criterion = nn.MSELoss()


def predict(e, b):
    return (gain_net(e) * resp_net(b)).sum(1, keepdim=True)


def update(loss, optimizers):
    loss.backward()
    for o in optimizers:
        o.step()


train_idx, test_idx = torch.arange(1280), torch.arange(1280, n)
for epoch in range(1, 51):
    total = 0.0
    for idx in train_idx[torch.randperm(1280)].chunk(20):
        gain_opt.zero_grad()
        loss = criterion(predict(env_t[idx], bands_t[idx]), cur_t[idx])
        update(loss, [gain_opt, resp_opt])
        total += loss.item() / 20
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", round(total, 4))

with torch.no_grad():
    residual = predict(env_t[test_idx], bands_t[test_idx]) - cur_t[test_idx]
rmse = residual.pow(2).mean().sqrt().item()
print(f"test rmse (in standard deviations): {rmse:.4f}")
