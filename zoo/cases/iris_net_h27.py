import torch
from torch.nn import Linear, LogSoftmax, CrossEntropyLoss, Sequential, Tanh
from torch.optim import SGD
from sklearn import datasets, model_selection, preprocessing

torch.manual_seed(31)
iris = datasets.load_iris()
inputs = preprocessing.scale(iris.data)
a, b, c, d = model_selection.train_test_split(inputs, iris.target, test_size=0.33, random_state=6, stratify=iris.target)
a, b = torch.Tensor(a), torch.Tensor(b)
c, d = torch.LongTensor(c), torch.LongTensor(d)

model = Sequential(Linear(4, 10), Tanh(), Linear(10, 3), LogSoftmax(dim=1))
criterion = CrossEntropyLoss()
optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)

n = len(a)
for epoch in range(40):
    order = torch.randperm(n)
    for start in range(0, n, 10):
        sel = order[start:start + 10]
        optimizer.zero_grad()
        loss = criterion(model(a[sel]), c[sel])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "accuracy", (model(a).argmax(1) == c).float().mean().item())

print("test accuracy: %.3f" % (model(b).argmax(1) == d).float().mean().item())
