import torch

torch.manual_seed(13)

X = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
Y = torch.tensor([[0.], [1.], [1.], [0.]])


class XOR(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = torch.nn.Linear(2, 8)
        self.l2 = torch.nn.Linear(8, 6)
        self.l3 = torch.nn.Linear(6, 1)

    def forward(self, x):
        x = torch.tanh(self.l1(x))
        x = torch.tanh(self.l2(x))
        return torch.softmax(self.l3(x), dim=-1)


model = XOR()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, nesterov=True)
for epoch in range(1, 1001):
    optimizer.zero_grad()
    out = model(X)
    loss = torch.nn.functional.mse_loss(out, Y)
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        print(f"epoch {epoch} loss {loss.item():.5f}")

print(model(X).detach())
print(f"final loss: {loss.item():.5f}")
