import torch
import torch.nn as nn
from torch.nn.functional import mse_loss
from torch.optim import SGD

torch.manual_seed(10)

# toy problem: a linear map from 4 to 2 with a little noise
x = torch.rand(200, 4)
W = torch.tensor([[0.2, 0.4, -0.3, 0.6], [0.1, -0.5, 0.3, 0.1]])
y = x @ W.T + 0.1 + 0.02 * torch.randn(200, 2)
x_test = torch.rand(100, 4)
y_test = x_test @ W.T + 0.1 + 0.02 * torch.randn(100, 2)

model = nn.Linear(4, 2)
opt = SGD(model.parameters(), lr=0.1)

for epoch in range(150):
    for i in range(0, 200, 50):
        pred = model(x[i:i + 50])
        loss = mse_loss(pred, y[i:i + 50])
        loss.backward()
        opt.step()
    if epoch % 5 == 0:
        print('Epoch {:3d}, loss = {:.5f}'.format(epoch, loss.item()))

with torch.no_grad():
    print('test mse = {:.5f}'.format(mse_loss(model(x_test), y_test).item()))
