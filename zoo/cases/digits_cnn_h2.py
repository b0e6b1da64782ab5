"""Small convolutional net on the 8x8 digits, trained with the one-cycle policy."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from sklearn import datasets

torch.manual_seed(7)
np.random.seed(7)

EPOCHS = 6
BATCH = 32

digits = datasets.load_digits()
images = torch.from_numpy(digits.images.astype(np.float32))[:, None] / 16
images = (images - images.mean()) / images.std()
labels = torch.from_numpy(digits.target)
order = torch.from_numpy(np.random.permutation(len(images)))
test_idx, train_idx = order[:360], order[360:]


class ConvNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.head = nn.Linear(2 * width * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.head(x.flatten(1))


model = ConvNet()
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
steps_per_epoch = (len(train_idx) + BATCH - 1) // BATCH
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.2, epochs=EPOCHS, steps_per_epoch=steps_per_epoch)

for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    shuffled = train_idx[torch.randperm(len(train_idx))]
    for batch in shuffled.split(BATCH):
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        running += loss.item()
    print(f"[{epoch}] loss={running / steps_per_epoch:.4f} lr={sched.get_last_lr()[0]:.2e}")

model.eval()
with torch.no_grad():
    acc = (model(images[test_idx]).argmax(1) == labels[test_idx]).float().mean().item()
print(f"test accuracy: {acc:.4f}")
