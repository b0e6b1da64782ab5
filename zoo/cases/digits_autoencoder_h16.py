import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, random_split

torch.manual_seed(6)

data = torch.tensor(load_digits().data / 16, dtype=torch.float32)
train_set, test_set = random_split(data, [1500, 297])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
test_x = torch.stack([test_set[i] for i in range(len(test_set))])


class AutoEncoder(nn.Module):
    def __init__(self, code=12):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, code))
        self.decoder = nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = AutoEncoder()
optim = torch.optim.Adam(ae.parameters(), lr=3e-3)
loss_function = nn.MSELoss()
for epoch in range(40):
    for x in train_loader:
        loss = loss_function(ae(x), x)
        optim.zero_grad()
        loss.backward()
        optim.step()
    if (epoch + 1) % 5 == 0:
        print("epoch", epoch + 1, "loss", loss.item())

ae.eval()
with torch.no_grad():
    err = loss_function(ae(test_x), test_x).item()
    base = loss_function(test_x.mean(0).expand_as(test_x), test_x).item()
print(f"mean image {base:.4f}")
print(f"test reconstruction error: {err:.4f}")
