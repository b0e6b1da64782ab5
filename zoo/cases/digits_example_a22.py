import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


def train(args, model, data, target, optimizer, epoch):
    model.train()
    for batch_idx, idx in enumerate(torch.randperm(len(data)).split(args.batch_size)):
        optimizer.zero_grad()
        output = model(data[idx])
        loss = F.nll_loss(output, target[idx])
        loss.backward()
        optimizer.step()
        if batch_idx % args.log_interval == 0:
            print('Train Epoch: {} [{}/{}]\tLoss: {:.6f}'.format(epoch, batch_idx * args.batch_size, len(data), loss.item()))


def test(model, data, target):
    model.eval()
    with torch.no_grad():
        output = model(data)
    print('\nTest set: Average loss: {:.4f}, Accuracy: {:.4f}\n'.format(
        F.nll_loss(output, target).item(), (output.argmax(1) == target).float().mean().item()))


def main():
    parser = argparse.ArgumentParser(description='digits example')
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument('--epochs', type=int, default=25)
    parser.add_argument('--lr', type=float, default=1e-4)
    parser.add_argument('--momentum', type=float, default=0.5)
    parser.add_argument('--log-interval', type=int, default=20)
    args = parser.parse_args()
    torch.manual_seed(1)
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(torch.tensor(X / 16).float(), torch.tensor(y), test_size=0.25, random_state=0)
    x_train, x_test, y_train, y_test = parts
    model = Net()
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum)
    for epoch in range(1, args.epochs + 1):
        train(args, model, x_train, y_train, optimizer, epoch)
        test(model, x_test, y_test)


if __name__ == '__main__':
    main()
