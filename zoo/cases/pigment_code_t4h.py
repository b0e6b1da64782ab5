import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(31)
torch.manual_seed(31)

# reflectance of paints mixed from three pigments, 30 bands between 400 and 700 nm
bands = np.linspace(400, 700, 30)


def curve(centre, width):
    return np.exp(-0.5 * ((bands - centre) / width) ** 2)


pigments = np.stack([curve(440, 40) + 0.3, curve(540, 35) + 0.2, curve(630, 50) + 0.25])
amounts = rng.uniform(0.0, 1.6, (4000, 3))
spectra = np.exp(-amounts @ pigments) + rng.normal(0, 0.02, (4000, 30))

mean, scale = spectra[:3200].mean(0), spectra[:3200].std(0)
data = torch.tensor((spectra - mean) / scale, dtype=torch.float32)
train, held = data[:3200], data[3200:]


class Autoencoder(nn.Module):
    def __init__(self, code=3):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(30, 24), nn.SiLU(), nn.Linear(24, code))
        self.decoder = nn.Sequential(nn.Linear(code, 24), nn.SiLU(), nn.Linear(24, 30))

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = Autoencoder()
optimizer = optim.Adam(ae.parameters(), lr=3e-3)
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
loader = DataLoader(TensorDataset(train), batch_size=100, shuffle=True)
criterion = nn.MSELoss()

for epoch in range(1, 41):
    ae.train()
    for (batch,) in loader:
        optimizer.zero_grad()
        loss = criterion(ae(batch), batch)
        loss.backward()
        optimizer.step()
    schedule.step()
    if epoch % 5 == 0:
        ae.eval()
        with torch.no_grad():
            print(f"epoch {epoch:3d}   train {criterion(ae(train), train):.5f}   held out {criterion(ae(held), held):.5f}")

with torch.no_grad():
    explained = 1 - criterion(ae(held), held) / held.var()
print(f"variance explained: {explained:.4f}")
