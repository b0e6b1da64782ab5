import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
EPOCHS = 12
BATCH = 32

digits = load_digits()
img = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8.0 - 1.0
lab = torch.tensor(digits.target)
train_id, test_id = train_test_split(torch.arange(len(lab)).numpy(), test_size=360, random_state=3, stratify=lab.numpy())
train_id, test_id = torch.tensor(train_id), torch.tensor(test_id)

net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
    nn.AdaptiveAvgPool2d(2), nn.Flatten(),
    nn.Linear(128, 10),
)
print(sum(p.numel() for p in net.parameters()), "parameters")

loss_fn = nn.CrossEntropyLoss()
sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=EPOCHS)


@torch.no_grad()
def score(ids):
    net.eval()
    logits = net(img[ids])
    return loss_fn(logits, lab[ids]).item(), (logits.argmax(1) == lab[ids]).float().mean().item()


for epoch in range(EPOCHS):
    net.train()
    shuffled = train_id[torch.randperm(len(train_id))]
    for chunk in shuffled.split(BATCH):
        if len(chunk) < 8:
            continue
        sgd.zero_grad()
        loss = loss_fn(net(img[chunk]), lab[chunk])
        loss.backward()
        sgd.step()
    lr = sgd.param_groups[0]["lr"]
    cosine.step()
    tl, ta = score(train_id)
    vl, va = score(test_id)
    print(f"ep {epoch:2d} lr {lr:.4f} | train {tl:.4f} {ta:.4f} | test {vl:.4f} {va:.4f}")

print(f"test accuracy = {score(test_id)[1]:.4f}")
