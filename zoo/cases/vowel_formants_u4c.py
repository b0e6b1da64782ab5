import numpy as np
import torch

torch.manual_seed(8)
rng = np.random.default_rng(8)

# mean F1, F2, F3 (Hz) of a speaker, per vowel
VOWELS = {"i": (280, 2250, 2890), "e": (400, 2050, 2600), "a": (730, 1300, 2500), "o": (450, 850, 2450),
          "u": (310, 750, 2300), "y": (270, 1750, 2150), "oe": (430, 1450, 2280), "ae": (650, 1750, 2400)}

rows, labels = [], []
for k, centre in enumerate(VOWELS.values()):
    tract = rng.normal(1.0, 0.04, size=(250, 1))
    rows.append(np.array(centre) * tract * rng.normal(1.0, 0.045, size=(250, 3)))
    labels += [k] * 250
mel = 2595 * np.log10(1 + np.concatenate(rows) / 700)
mel = (mel - mel.mean(0)) / mel.std(0)
perm = rng.permutation(len(mel))
x = torch.tensor(mel[perm], dtype=torch.float32)
t = torch.tensor(labels)[torch.tensor(perm)]
x_tr, t_tr, x_te, t_te = x[:1500], t[:1500], x[1500:], t[1500:]


class Dense:
    def __init__(self, n_in, n_out):
        self.W = torch.full((n_in, n_out), 1.0 / n_in)
        self.b = torch.zeros(n_out)
        for p in (self.W, self.b):
            p.requires_grad_()

    def __call__(self, z):
        return z @ self.W + self.b


class Net:
    def __init__(self, sizes):
        self.layers = [Dense(a, b) for a, b in zip(sizes, sizes[1:])]

    def __call__(self, z):
        for layer in self.layers[:-1]:
            z = torch.tanh(layer(z))
        return self.layers[-1](z)

    def parameters(self):
        return [p for layer in self.layers for p in (layer.W, layer.b)]


def nll(logits, target):
    logp = logits - logits.logsumexp(1, keepdim=True)
    return -logp[torch.arange(len(target)), target].mean()


net = Net([3, 32, 8])
velocity = [torch.zeros_like(p) for p in net.parameters()]
lr, mu = 0.05, 0.9

for epoch in range(60):
    shuffled = torch.randperm(len(x_tr))
    for start in range(0, len(x_tr), 50):
        pick = shuffled[start:start + 50]
        loss = nll(net(x_tr[pick]), t_tr[pick])
        grads = torch.autograd.grad(loss, net.parameters())
        with torch.no_grad():
            for p, v, g in zip(net.parameters(), velocity, grads):
                v.mul_(mu).add_(g)
                p.sub_(lr * v)
    if epoch % 10 == 9:
        with torch.no_grad():
            print("epoch", epoch + 1, "nll", round(nll(net(x_tr), t_tr).item(), 4))

with torch.no_grad():
    guess = net(x_te).argmax(1)
for k, name in enumerate(VOWELS):
    print(f"  /{name}/ recall {(guess[t_te == k] == k).float().mean():.2f}")
print(f"vowels recognised: {(guess == t_te).float().mean():.3f}")
