"""Detector for one digit: is the picture an 8 or not?"""
import math

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PRIOR = 0.1  # about one picture in ten is positive


def init_weights(m):
    # start from the prior probability of the rare class, as in the focal loss paper
    if isinstance(m, nn.Linear):
        nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
        nn.init.constant_(m.bias, -math.log((1 - PRIOR) / PRIOR))


def get_data():
    digits = load_digits()
    x = digits.data / 16 - 0.3
    y = (digits.target == 8).astype("float32")
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
    as_set = lambda a, b: TensorDataset(torch.tensor(a, dtype=torch.float32), torch.tensor(b))
    return as_set(x_train, y_train), as_set(x_val, y_val)


def main():
    torch.manual_seed(1)
    train_set, val_set = get_data()
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(),
        nn.Linear(64, 64), nn.ReLU(),
        nn.Linear(64, 32), nn.ReLU(),
        nn.Linear(32, 1), nn.Flatten(0),
    )
    model.apply(init_weights)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    x_val, y_val = val_set.tensors

    for epoch in range(30):
        for x, y in DataLoader(train_set, batch_size=32, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            logits = model(x_val)
        f1 = f1_score(y_val.numpy(), (logits > 0).numpy(), zero_division=0)
        print(f"epoch {epoch + 1}: val loss {criterion(logits, y_val):.4f}, f1 {f1:.3f}")
    print(f"final f1: {f1:.3f}")


if __name__ == "__main__":
    main()
