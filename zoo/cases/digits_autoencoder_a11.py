import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(4)

images = torch.tensor(load_digits().data, dtype=torch.float32)
mean, std = images[:1400].mean(), images[:1400].std()
images = (images - mean) / std
train, test = images[:1400], images[1400:]


class AutoEncoder(nn.Module):
    def __init__(self, code=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, code))
        self.decoder = nn.Sequential(nn.Linear(code, 96), nn.ReLU(), nn.Linear(96, 64))
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.decoder(self.encoder(x)))


model = AutoEncoder()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
mse = nn.MSELoss()
for epoch in range(40):
    total = 0
    for batch in DataLoader(train, batch_size=64, shuffle=True):
        optimizer.zero_grad()
        loss = mse(model(batch), batch)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    if (epoch + 1) % 5 == 0:
        print(f"epoch {epoch + 1}, reconstruction loss {total / len(train):.4f}")

model.eval()
with torch.no_grad():
    print(f"test reconstruction loss: {mse(model(test), test).item():.4f}")
