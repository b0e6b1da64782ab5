"""Deep Q-learning for a newspaper kiosk: how many bundles to order each evening.

State: bundles in stock (0..10) and day of the week. Action: order 0..6 bundles.
A sold bundle earns 1, an ordered one costs 0.5, a stored one 0.08 per night.
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

CAP, ORDERS, GAMMA = 10, 7, 0.9
DEMAND = np.array([2.0, 2.0, 2.5, 2.5, 3.5, 5.5, 4.5])
rng = np.random.default_rng(64)
torch.manual_seed(64)


def night(stock, day, order):
    """One evening and the following day for a whole row of kiosks."""
    shelf = np.minimum(stock + order, CAP)
    bought = shelf - stock
    sold = np.minimum(shelf, rng.poisson(DEMAND[day]))
    left = shelf - sold
    return sold - 0.5 * bought - 0.08 * left, left, (day + 1) % 7


def features(stock, day):
    return np.concatenate([stock[:, None] / 5 - 1, np.eye(7)[day]], axis=1).astype(np.float32)


def tensor(a):
    return torch.as_tensor(np.asarray(a))


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        self.q = nn.Linear(48, ORDERS)

    def forward(self, s):
        return self.q(self.body(s))


def best_possible():
    """Value iteration with the true demand, for comparison."""
    k = np.arange(60)
    fact = np.cumprod(np.concatenate([[1.0], k[1:]]))
    prob = np.exp(-DEMAND[:, None]) * DEMAND[:, None] ** k / fact
    value = np.zeros((CAP + 1, 7))
    for _ in range(150):
        q = np.full((CAP + 1, 7, ORDERS), 0.0)
        for s in range(CAP + 1):
            for a in range(ORDERS):
                shelf = min(s + a, CAP)
                sold = np.minimum(shelf, k)
                for d in range(7):
                    gain = sold - 0.5 * (shelf - s) - 0.08 * (shelf - sold) + GAMMA * value[shelf - sold, (d + 1) % 7]
                    q[s, d, a] = prob[d] @ gain
        new = q.max(2)
        if np.abs(new - value).max() < 0.02:
            break
        value = new
    return q.argmax(2)


def profit(policy, days=350, kiosks=64):
    stock, day = np.zeros(kiosks, int), np.zeros(kiosks, int)
    total = 0.0
    for _ in range(days):
        gain, stock, day = night(stock, day, policy(stock, day))
        total += gain.mean()
    return total / days


online, target = QNet(), QNet()
target.load_state_dict(online.state_dict())
opt = torch.optim.Adam(online.parameters(), lr=2e-3)
fade = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.05, total_iters=1500)

KIOSKS, STEPS, SIZE = 96, 1600, 100000
memory = {
    "s": np.zeros((SIZE, 8), np.float32), "a": np.zeros(SIZE, np.int64),
    "r": np.zeros(SIZE, np.float32), "n": np.zeros((SIZE, 8), np.float32),
}
stock, day = rng.integers(0, CAP + 1, KIOSKS), rng.integers(0, 7, KIOSKS)
filled, losses, gains = 0, [], []


def greedy(stock, day):
    with torch.no_grad():
        return online(tensor(features(stock, day))).argmax(1).numpy()


for step in range(STEPS):
    epsilon = max(0.1, 1 - step / 800)
    lucky = rng.random(KIOSKS) < epsilon
    action = np.where(lucky, rng.integers(0, ORDERS, KIOSKS), greedy(stock, day))
    gain, new_stock, new_day = night(stock, day, action)
    where = np.arange(filled, filled + KIOSKS) % SIZE
    memory["s"][where], memory["a"][where] = features(stock, day), action
    memory["r"][where], memory["n"][where] = gain, features(new_stock, new_day)
    stock, day = new_stock, new_day
    filled += KIOSKS
    gains.append(gain.mean())
    if filled < 1000:
        continue

    pick = rng.integers(0, min(filled, SIZE), 256)
    s, a, r, n = (tensor(memory[key][pick]) for key in "sarn")
    with torch.no_grad():
        goal = r + GAMMA * target(n).max(1).values
    estimate = online(s).gather(1, a[:, None]).squeeze(1)
    loss = F.smooth_l1_loss(estimate, goal)
    opt.zero_grad()
    loss.backward()
    opt.step()
    fade.step()
    losses.append(loss.item())
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters()):
            slow.lerp_(fast, 0.02)
    if step % 200 == 199:
        print(f"step {step + 1}: td loss {np.mean(losses[-100:]):.4f}  profit per day while learning {np.mean(gains[-100:]):.3f}")

table = best_possible()
reference = profit(lambda s, d: table[s, d])
learned = profit(greedy)
print(f"learned {learned:.3f}, planner {reference:.3f}")
print(f"share of best profit: {learned / reference:.4f}")
