"""State of a bee colony (calm / queenless / about to swarm) from five readings of the hive scale and microphone."""
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import classification_report, recall_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(63)
rng = np.random.default_rng(63)

STATES = ["calm", "queenless", "swarming"]


def readings(n):
    state = rng.choice(3, size=n, p=[0.90, 0.06, 0.04])
    hum = rng.normal(235, 12, n) + np.array([0, 12, 18])[state]
    spread = np.exp(rng.normal(2.5, 0.35, n) + np.array([0, 0.45, 0.10])[state])
    brood_temp = rng.normal(34.8, 0.5, n) + np.array([0, -0.7, 0.5])[state]
    weight_gain = rng.normal(0.2, 0.4, n) + np.array([0, -0.3, -0.1])[state]
    traffic = rng.normal(60, 15, n) + np.array([0, -8, 16])[state]
    return np.column_stack([hum, spread, brood_temp, weight_gain, traffic]), state


class Hive:
    def __init__(self, lr=2e-3, batch=100):
        self.net = nn.Sequential(nn.Linear(5, 24), nn.Tanh(), nn.Linear(24, 3))
        self.opt = torch.optim.Adam(self.net.parameters(), lr=lr)
        self.criterion = nn.CrossEntropyLoss()
        self.batch = batch

    def fit(self, X, y, X_val, y_val, epochs=12):
        for epoch in range(epochs):
            perm = torch.randperm(len(X))
            seen = []
            for i in range(0, len(X), self.batch):
                sel = perm[i:i + self.batch]
                loss = self.criterion(self.net(X[sel]), y[sel])
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
                seen.append(loss.item())
            hit = (self.predict(X_val) == y_val).float().mean()
            print(f"epoch {epoch + 1:>2}: loss {np.mean(seen):.3f}, validation accuracy {hit:.3f}")
        return self

    @torch.no_grad()
    def predict(self, X):
        return self.net(X).argmax(dim=1)


X, y = readings(8000)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.3, stratify=y, random_state=2)
scaler = StandardScaler().fit(X_tr)
X_tr, X_te = (torch.tensor(scaler.transform(a), dtype=torch.float32) for a in (X_tr, X_te))
y_tr, y_te = torch.tensor(y_tr), torch.tensor(y_te)

pred = Hive().fit(X_tr, y_tr, X_te, y_te).predict(X_te)
print(classification_report(y_te, pred, target_names=STATES, zero_division=0))
print(f"mean recall over the states: {recall_score(y_te, pred, average='macro'):.3f}")
