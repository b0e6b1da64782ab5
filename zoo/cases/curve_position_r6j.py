import torch
from sklearn.datasets import make_s_curve


class CurveNet(torch.nn.Module):
    """Unroll: (x, y, z) on the s curve -> position along it."""

    def __init__(self):
        super().__init__()
        self.inp = torch.nn.Linear(3, 24)
        self.mid = torch.nn.Linear(24, 24)
        self.out = torch.nn.Linear(24, 1)

    def forward(self, p):
        h = torch.tanh(self.inp(p))
        h = torch.tanh(self.mid(h))
        return self.out(h).squeeze(1)


def data():
    points, t = make_s_curve(n_samples=3000, noise=0.12, random_state=6)
    points = torch.tensor(points, dtype=torch.float32)
    t = torch.tensor(t, dtype=torch.float32)
    points = (points - points.mean(0)) / points.std(0)
    t = (t - t.mean()) / t.std()
    return points[:2250], t[:2250], points[2250:], t[2250:]


def main():
    torch.manual_seed(2)
    p_train, t_train, p_test, t_test = data()
    net = CurveNet()
    mse = torch.nn.functional.mse_loss
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20, 35], gamma=0.3)

    for epoch in range(1, 91):
        total = 0.0
        for batch in torch.randperm(2250).split(90):
            loss = mse(net(p_train[batch]), t_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        schedule.step()
        if epoch % 5 == 0:
            with torch.no_grad():
                test = mse(net(p_test), t_test).item()
            print(f"{epoch:3d}: train {total / 2250:.5f} test {test:.5f}")

    with torch.no_grad():
        r2 = 1 - mse(net(p_test), t_test).item() / t_test.var().item()
    print(f"test R2 {r2:.4f}")


if __name__ == "__main__":
    main()
