import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# point annotations of a reef survey: sand, turf, hard coral, sponge
rng = np.random.default_rng(12)
torch.manual_seed(12)
names = ["sand", "turf", "coral", "sponge"]
share = [0.90, 0.05, 0.03, 0.02]
n = 6000
label = rng.choice(4, size=n, p=share)
centre = np.array([[0, 0, 0, 0, 0, 0, 0], [1.5, 0.7, -0.5, 0.3, 0, 0.8, 0], [-1.0, 1.3, 0.8, 0, 0.9, 0, 0.4], [0.2, -1.2, 1.2, 1.0, 0, -0.5, 0.8]])
colour = centre[label] + rng.normal(size=(n, 7))
colour[:, 4] += 0.3 * colour[:, 0] * colour[:, 1]

Xtr, Xte, ytr, yte = train_test_split(colour, label, test_size=0.4, stratify=label, random_state=0)
sc = StandardScaler().fit(Xtr)
Xtr, Xte = (torch.tensor(sc.transform(a), dtype=torch.float32) for a in (Xtr, Xte))
ytr = torch.tensor(ytr)

net = torch.nn.Sequential(torch.nn.Linear(7, 16), torch.nn.ELU(), torch.nn.Linear(16, 4))
ce = torch.nn.CrossEntropyLoss()
opt = torch.optim.RMSprop(net.parameters(), lr=1e-3)

for ep in range(20):
    for b in torch.randperm(len(ytr)).split(64):
        opt.zero_grad()
        loss = ce(net(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
    if ep % 4 == 3:
        print("epoch", ep + 1, "loss %.3f" % loss.item(), "train accuracy %.3f" % (net(Xtr).argmax(1) == ytr).float().mean().item())

guess = net(Xte).argmax(1).numpy()
print("test accuracy %.3f" % (guess == yte).mean())
for k in range(4):
    print(f"  {names[k]:<7s} found {(guess[yte == k] == k).mean():.2f}")
print("balanced accuracy %.3f" % balanced_accuracy_score(yte, guess))
