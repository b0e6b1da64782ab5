import torch as t
import torch.nn as nn

t.manual_seed(9)

x = t.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=t.float32)
y = t.tensor([[0], [1], [1], [0]], dtype=t.float32)


class XOR(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 8)
        self.output = nn.Linear(8, 1)

    def forward(self, x):
        return t.sigmoid(self.output(t.tanh(self.hidden(x))))


model = XOR()
opt = t.optim.Adam(model.parameters(), lr=0.02)
loss_fn = nn.MSELoss()
for i in range(1500):
    opt.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    opt.step()
    if i % 250 == 0:
        print(i, loss.item())
print("predictions:", [round(v, 3) for v in model(x).flatten().tolist()])
print("final loss: %.5f" % loss.item())
