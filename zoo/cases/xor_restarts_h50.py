import torch
import torch.nn as nn

torch.manual_seed(100)

X = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]]) * 2 - 1
Y = torch.tensor([[0.], [1.], [1.], [0.]])

best_loss, best_net = float("inf"), None
for attempt in range(4):
    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
    opt = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9)
    for step in range(400):
        loss = nn.functional.binary_cross_entropy_with_logits(net(X), Y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"attempt {attempt}: loss {loss.item():.5f}")
    if loss.item() < best_loss:
        best_loss, best_net = loss.item(), net

print("outputs", torch.sigmoid(best_net(X)).flatten().tolist())
print(f"best loss: {best_loss:.5f}")
