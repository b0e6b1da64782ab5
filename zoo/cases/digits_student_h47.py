import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits

torch.manual_seed(71)

X, Y = load_digits(return_X_y=True)
X = torch.FloatTensor(X).div(16)
Y = torch.LongTensor(Y)
p = torch.randperm(len(X))
Xtr, Ytr, Xte, Yte = X[p[:1347]], Y[p[:1347]], X[p[1347:]], Y[p[1347:]]


def mlp(*sizes):
    mods = []
    for a, b in zip(sizes, sizes[1:]):
        mods += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*mods[:-1])


def accuracy(net):
    net.eval()
    with torch.no_grad():
        return (net(Xte).argmax(1) == Yte).float().mean().item()


def fit(net, loss_fn, epochs, lr):
    opt = optim.Adam(net.parameters(), lr=lr)
    net.train()
    for epoch in range(epochs):
        for idx in torch.randperm(len(Xtr)).split(64):
            loss = loss_fn(net(Xtr[idx]), idx)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"    epoch {epoch + 1} loss {loss.item():.4f}")


teacher, student = mlp(64, 256, 128, 10), mlp(64, 16, 10)

print("teacher")
fit(teacher, lambda out, idx: F.cross_entropy(out, Ytr[idx]), epochs=12, lr=1e-3)
print(f"teacher accuracy {accuracy(teacher):.3f}")

teacher.eval()
with torch.no_grad():
    soft = teacher(Xtr)

T, alpha = 3.0, 0.7


def distil(out, idx):
    kd = F.kl_div(F.log_softmax(out / T, 1), F.softmax(soft[idx] / T, 1), reduction="batchmean") * T * T
    return alpha * kd + (1 - alpha) * F.cross_entropy(out, Ytr[idx])


print("student")
fit(student, distil, epochs=25, lr=5e-3)
print(f"student test accuracy: {accuracy(student):.3f}")
