# A multilayer perceptron from tensors only, on concentric shells in four dimensions.
import torch
import torch.nn.functional as F
from sklearn.datasets import make_gaussian_quantiles

torch.manual_seed(5)

data, labels = make_gaussian_quantiles(n_samples=4000, n_features=4, n_classes=3, random_state=5)
data = torch.from_numpy(data).float()
labels = torch.from_numpy(labels).long()
Xtr, Ytr = data[:3000], labels[:3000]
Xte, Yte = data[3000:], labels[3000:]


def layer(n_in, n_out):
    W = torch.randn(n_in, n_out)
    b = torch.zeros(n_out)
    W.requires_grad_()
    b.requires_grad_()
    return W, b


W1, b1 = layer(4, 100)
W2, b2 = layer(100, 100)
W3, b3 = layer(100, 100)
W4, b4 = layer(100, 3)
parameters = [W1, b1, W2, b2, W3, b3, W4, b4]


def forward(x):
    h = F.relu(x @ W1 + b1)
    h = F.relu(h @ W2 + b2)
    h = F.relu(h @ W3 + b3)
    return h @ W4 + b4


opt = torch.optim.Adam(parameters, lr=0.001)
batch_size = 50
for epoch in range(15):
    shuffled = torch.randperm(len(Xtr))
    total = 0.0
    for start in range(0, len(Xtr), batch_size):
        rows = shuffled[start:start + batch_size]
        loss = F.cross_entropy(forward(Xtr[rows]), Ytr[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    with torch.no_grad():
        acc = (forward(Xte).argmax(1) == Yte).float().mean().item()
    print("epoch", epoch, "loss", round(total / (len(Xtr) // batch_size), 4), "test accuracy", round(acc, 3))

print(f"Accuracy on held-out data: {acc:.3f}")
