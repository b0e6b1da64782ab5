import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(2018)


class MLP(nn.Module):
    def __init__(self):
        super(MLP, self).__init__()
        self.fc1 = nn.Linear(2, 8)
        self.fc2 = nn.Linear(8, 1)

    def forward(self, x):
        hidden = self.fc1(x)
        return self.fc2(hidden)


inputs = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float)
labels = torch.tensor([[0], [1], [1], [0]], dtype=torch.float)

net = MLP()
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(net.parameters(), lr=0.05)

for epoch in range(1000):
    optimizer.zero_grad()
    loss = criterion(net(inputs), labels)
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        print("Epoch {: >4} Loss: {:.4f}".format(epoch, loss.item()))

predicted = (torch.sigmoid(net(inputs)) > 0.5).float()
print("final loss: {:.4f}".format(loss.item()))
print("accuracy: {:.2f}".format((predicted == labels).float().mean().item()))
