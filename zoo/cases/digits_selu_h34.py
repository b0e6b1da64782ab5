import math
import torch
from torch.nn import *
from sklearn.datasets import load_digits

torch.manual_seed(19)

# self-normalizing network (Klambauer et al.): SELU, alpha dropout, lecun normal
class SNN(Module):
    def __init__(self, n_in, n_hidden, n_layers, n_out, p=0.05):
        super().__init__()
        self.net = Sequential()
        for i in range(n_layers):
            self.net.append(Linear(n_in if i == 0 else n_hidden, n_hidden))
            self.net.append(SELU())
            self.net.append(AlphaDropout(p))
        self.net.append(Linear(n_hidden, n_out))
        for m in self.net:
            if isinstance(m, Linear):
                init.normal_(m.weight, std=1 / math.sqrt(m.in_features))
                init.zeros_(m.bias)

    def forward(self, x):
        return self.net(x)


data = load_digits()
X = torch.tensor(data.data, dtype=torch.float32)
Y = torch.tensor(data.target)
order = torch.randperm(len(X))
train, test = order[:1400], order[1400:]
mean, std = X[train].mean(0), X[train].std(0) + 0.1
X = (X - mean) / std

model = SNN(64, 64, 6, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.5)
loss_fn = CrossEntropyLoss()
for epoch in range(25):
    model.train()
    for batch in train[torch.randperm(len(train))].split(32):
        optimizer.zero_grad()
        loss = loss_fn(model(X[batch]), Y[batch])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = (model(X[test]).argmax(1) == Y[test]).float().mean()
    if epoch % 4 == 0:
        print("epoch", epoch, "accuracy", float(acc))
print("test accuracy: %.4f" % acc)
