"""Forward kinematics of a planar three-joint arm, learned by an MLP with a one-cycle schedule."""
import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

LINKS = (0.5, 0.35, 0.15)  # metres


def arm_positions(joints):
    angles = np.cumsum(joints, axis=1)
    return np.stack([(LINKS * np.cos(angles)).sum(1), (LINKS * np.sin(angles)).sum(1)], axis=1)


def tensors(n, rng):
    joints = rng.uniform(-1.5, 1.5, size=(n, 3))
    tip = arm_positions(joints) + rng.normal(0, 0.01, size=(n, 2))
    return torch.tensor(joints, dtype=torch.float32), torch.tensor(tip, dtype=torch.float32)


def main():
    torch.manual_seed(2)
    rng = np.random.default_rng(2)
    loader = DataLoader(TensorDataset(*tensors(3000, rng)), batch_size=60, shuffle=True)
    joints, tip = tensors(600, rng)

    model = nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))
    epochs = 20
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    scheduler = OneCycleLR(optimizer, max_lr=1e-2, epochs=epochs, steps_per_epoch=len(loader))
    criterion = nn.MSELoss()

    for epoch in range(epochs):
        model.train()
        train_loss = 0.0
        for q, p in loader:
            optimizer.zero_grad()
            loss = criterion(model(q), p)
            loss.backward()
            optimizer.step()
            scheduler.step()
            train_loss += loss.item() / len(loader)
        model.eval()
        with torch.no_grad():
            val_loss = criterion(model(joints), tip).item()
        print(f"epoch {epoch + 1:02d} lr {scheduler.get_last_lr()[0]:.2e} train {train_loss:.6f} val {val_loss:.6f}")

    with torch.no_grad():
        distance = (model(joints) - tip).norm(dim=1).mean().item()
    print(f"mean distance of the tip: {1000 * distance:.2f} mm")


if __name__ == "__main__":
    main()
