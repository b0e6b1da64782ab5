"""REINFORCE on a contextual bandit: show a digit, guess it, get a reward of 1 or 0."""
import torch
from torch import nn
from torch.distributions import Categorical
from sklearn.datasets import load_digits

torch.manual_seed(33)

x, y = load_digits(return_X_y=True)
x = torch.tensor(x / 16, dtype=torch.float32)
y = torch.tensor(y)
order = torch.randperm(len(x))
train, test = order[:1400], order[1400:]

policy = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
baseline = 0.0

for episode in range(1500):
    batch = train[torch.randint(len(train), (64,))]
    dist = Categorical(logits=policy(x[batch]))
    action = dist.sample()
    reward = (action == y[batch]).float()
    advantage = reward - baseline
    loss = -(dist.log_prob(action) * advantage).mean() - 0.05 * dist.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    baseline = 0.95 * baseline + 0.05 * reward.mean().item()
    if episode % 150 == 149:
        print(f"episode {episode + 1:5d}  mean reward {baseline:.3f}  loss {loss.item():+.4f}")

with torch.no_grad():
    greedy = policy(x[test]).argmax(1)
print("test accuracy:", round((greedy == y[test]).float().mean().item(), 4))
