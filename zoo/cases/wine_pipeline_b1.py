import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)


def build_model(hidden):
    return nn.Sequential(nn.Linear(13, hidden), nn.LeakyReLU(), nn.Linear(hidden, 3))


class Trainer:
    def __init__(self, hidden=24, lr=0.05):
        self.model = build_model(hidden)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)

    def reset(self, hidden):
        """start over with another width"""
        self.model = build_model(hidden)
        return self

    def fit(self, X, y, epochs=40, batch_size=16):
        for epoch in range(epochs):
            self.model.train()
            order = torch.randperm(len(X))
            losses = []
            for start in range(0, len(X), batch_size):
                sel = order[start:start + batch_size]
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(X[sel]), y[sel])
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            if epoch % 4 == 0:
                print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}")
        return self

    @torch.no_grad()
    def score(self, X, y):
        self.model.eval()
        return (self.model(X).argmax(1) == y).float().mean().item()


X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=1, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train, X_test = [torch.tensor(scaler.transform(a), dtype=torch.float32) for a in (X_train, X_test)]
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

trainer = Trainer()
trainer.reset(hidden=48)
trainer.fit(X_train, y_train)
print(f"test accuracy: {trainer.score(X_test, y_test):.4f}")
