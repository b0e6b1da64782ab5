"""Multinomial logistic regression written out by hand on torch tensors."""
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.25, random_state=0)
X_train, X_test = torch.tensor(X_train).float(), torch.tensor(X_test).float()
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

W = torch.zeros(64, 10, requires_grad=True)
b = torch.zeros(10, requires_grad=True)
opt = torch.optim.SGD([W, b], lr=0.5)

for epoch in range(30):
    for idx in torch.randperm(len(X_train)).split(64):
        logits = X_train[idx] @ W + b
        logp = logits - logits.logsumexp(1, keepdim=True)
        loss = -logp[torch.arange(len(idx)), y_train[idx]].mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2d} loss {loss.item():.4f}")

acc = ((X_test @ W + b).argmax(1) == y_test).float().mean()
print(f"test accuracy: {acc:.3f}")
