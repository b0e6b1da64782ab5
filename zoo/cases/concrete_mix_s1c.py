import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, random_split

np.random.seed(8)
torch.manual_seed(8)


class MixDesigns(Dataset):
    """Compressive strength of laboratory mixes (MPa) from the recipe and the age."""

    def __init__(self, n=1200):
        cement = np.random.uniform(200, 500, n)
        water = np.random.uniform(140, 220, n)
        slag = np.random.uniform(0, 150, n)
        sand = np.random.uniform(600, 900, n)
        age = np.random.uniform(3, 90, n)
        binder = cement + 0.6 * slag
        strength = 22 * (binder / water) * np.log1p(age) / np.log(29) - 8 + 0.01 * (sand - 750)
        strength += np.random.normal(0, 2.0, n)
        x = np.column_stack([cement, water, slag, sand, np.log(age)])
        self.x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
        self.y = torch.tensor((strength - strength.mean()) / strength.std(), dtype=torch.float32)
        self.spread = strength.std()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Trainer:
    def __init__(self, model, train_set, val_set, lr):
        self.model = model
        self.train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
        self.val_loader = DataLoader(val_set, batch_size=len(val_set))
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        self.loss_fn = nn.MSELoss()

    def step(self, x, y):
        prediction = self.model(x).squeeze(1)
        loss = self.loss_fn(prediction, y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        x, y = next(iter(self.val_loader))
        return self.loss_fn(self.model(x).squeeze(1), y).item()

    def fit(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            losses = [self.step(x, y) for x, y in self.train_loader]
            print(f"Epoch {epoch + 1:>2}: train mse {np.mean(losses):.4f}, val mse {self.validate():.4f}")


data = MixDesigns()
train_set, val_set = random_split(data, [960, 240])
net = nn.Sequential(nn.Linear(5, 48), nn.Tanh(), nn.Linear(48, 24), nn.Tanh(), nn.Linear(24, 1))
trainer = Trainer(net, train_set, val_set, lr=0.02)
trainer.fit(30)
print(f"RMSE on validation mixes: {data.spread * trainer.validate() ** 0.5:.2f} MPa")
