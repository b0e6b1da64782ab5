import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, SWALR, update_bn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(60)

d = load_digits()
Xtr, Xte, ytr, yte = train_test_split(d.images[:, None] / 16.0, d.target, test_size=0.2, random_state=3)
train_loader = DataLoader(TensorDataset(torch.Tensor(Xtr), torch.LongTensor(ytr)), batch_size=64, shuffle=True)
Xte, yte = torch.Tensor(Xte), torch.LongTensor(yte)


def conv(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(conv(1, 12), conv(12, 24), nn.Flatten(), nn.Linear(96, 10))
swa_model = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
swa_scheduler = SWALR(optimizer, swa_lr=0.03, anneal_epochs=2)
swa_start = 7


def accuracy(net):
    net.eval()
    with torch.no_grad():
        return (net(Xte).argmax(1) == yte).float().mean().item()


for epoch in range(12):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    if epoch >= swa_start:
        swa_model.update_parameters(model)
        swa_scheduler.step()
    else:
        scheduler.step()
    print(f"epoch {epoch} loss {loss.item():.4f} lr {optimizer.param_groups[0]['lr']:.3f} accuracy {accuracy(model):.3f}")

update_bn(train_loader, swa_model)
print(f"test accuracy: {accuracy(swa_model):.3f}")
