import argparse

import numpy as np
import torch
from torch import nn

parser = argparse.ArgumentParser(description="Estimate how far a walker drifted from the record of its steps")
parser.add_argument("--length", type=int, default=120)
parser.add_argument("--hidden", type=int, default=48)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--lr", type=float, default=2e-4)
args = parser.parse_args()

rng = np.random.default_rng(3)
torch.manual_seed(3)


def walks(n):
    steps = rng.normal(0.0, 1.0, (n, args.length, 1))
    drift = steps.sum(1) / np.sqrt(args.length)
    return torch.tensor(steps).float(), torch.tensor(drift).float()


class WalkRNN(nn.Module):
    """ReLU RNN with identity recurrent weights at the start (Le, Jaitly, Hinton 2015)."""

    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, nonlinearity="relu", batch_first=True)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.05)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        self.readout = nn.Linear(hidden, 1)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.readout(states[:, -1])


x_train, y_train = walks(1280)
x_test, y_test = walks(400)
net = WalkRNN(args.hidden)
opt = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
mse = nn.MSELoss()

for epoch in range(1, args.epochs + 1):
    losses = []
    for idx in torch.randperm(len(x_train)).split(args.batch):
        loss = mse(net(x_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    with torch.no_grad():
        test = mse(net(x_test), y_test).item()
    print(f"epoch {epoch:3d}  train mse {np.mean(losses):.4f}  test mse {test:.4f}")

print(f"final test mse: {test:.4f} (variance of the answers {y_test.var().item():.3f})")
