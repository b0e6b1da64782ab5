"""Compress the digits to 6 numbers and back."""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)


class Encoder(nn.Module):
    def __init__(self, code=6):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 48), nn.ELU(), nn.Linear(48, code))

    def forward(self, x):
        return self.net(x)


class Decoder(nn.Module):
    def __init__(self, code=6):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(code, 48), nn.ELU(), nn.Linear(48, 64))

    def forward(self, z):
        return torch.sigmoid(self.net(z))


images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
train, test = images[:1500], images[1500:]
loader = DataLoader(TensorDataset(train), batch_size=50, shuffle=True)

encoder, decoder = Encoder(), Decoder()
optimizer = torch.optim.Adam(list(encoder.parameters()) + list(decoder.parameters()), lr=2e-3)
mse = nn.MSELoss()

for epoch in range(25):
    codes = []
    total = 0.0
    for (x,) in loader:
        z = encoder(x).detach()
        codes.append(z)
        loss = mse(decoder(z), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    spread = torch.cat(codes).std(0).mean().item()
    with torch.no_grad():
        test_loss = mse(decoder(encoder(test)), test).item()
    print(f"epoch {epoch:2d}  train {total / len(loader):.5f}  test {test_loss:.5f}  code std {spread:.3f}")
print(f"final reconstruction error {test_loss:.5f}")
