import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(4)

images = load_digits().data.astype(np.float32) / 16
order = np.random.default_rng(4).permutation(len(images))
train = torch.from_numpy(images[order[:1440]])
held_out = torch.from_numpy(images[order[1440:]])

CODE = 16
encoder = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, CODE))
decoder = nn.Sequential(nn.Linear(CODE, 128), nn.GELU(), nn.Linear(128, 64))
params = list(encoder.parameters()) + list(decoder.parameters())
optimizer = torch.optim.AdamW(params, lr=3e-3, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
mse = nn.MSELoss()


def reconstruct(batch):
    return decoder(encoder(batch))


for epoch in range(1, 41):
    batches = torch.randperm(len(train)).split(48)
    running = 0.0
    for rows in batches:
        batch = train[rows]
        loss = mse(reconstruct(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() / len(batches)
    schedule.step()
    if epoch % 5 == 0:
        with torch.no_grad():
            check = mse(reconstruct(held_out), held_out).item()
        print(f"{epoch:>3} epochs: reconstruction error {running:.5f} (held out {check:.5f})")

with torch.no_grad():
    residual = (reconstruct(held_out) - held_out).pow(2).sum()
    spread = (held_out - train.mean(0)).pow(2).sum()
print(f"variance kept with {CODE} numbers: {1 - (residual / spread).item():.3f}")
