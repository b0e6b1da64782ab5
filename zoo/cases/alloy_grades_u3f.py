"""Sort scrap metal into six grades from X-ray fluorescence channels."""
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

CONFIG = {"hidden": (64, 32), "lr": 1e-3, "l1": 1e-2, "batch": 48, "epochs": 16, "seed": 9}

features, grades = make_classification(
    n_samples=3000, n_features=24, n_informative=12, n_redundant=6, n_classes=6,
    n_clusters_per_class=1, class_sep=1.6, flip_y=0.01, random_state=9,
)
f_train, f_test, g_train, g_test = train_test_split(features, grades, test_size=0.2, stratify=grades, random_state=9)
scaler = StandardScaler().fit(f_train)
f_train, f_test = (torch.tensor(scaler.transform(f), dtype=torch.float32) for f in (f_train, f_test))
g_train, g_test = torch.tensor(g_train), torch.tensor(g_test)


class Sorter(torch.nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, h):
        for layer in self.layers[:-1]:
            h = torch.nn.functional.leaky_relu(layer(h), 0.1)
        return self.layers[-1](h)

    def l1(self):
        return sum(layer.weight.abs().sum() for layer in self.layers)


torch.manual_seed(9)
sorter = Sorter((24, *CONFIG["hidden"], 6))
optimizer = torch.optim.RMSprop(sorter.parameters(), lr=CONFIG["lr"])

for epoch in range(1, CONFIG["epochs"] + 1):
    shuffled = torch.randperm(len(f_train))
    seen = 0.0
    for rows in shuffled.split(CONFIG["batch"]):
        data_loss = torch.nn.functional.cross_entropy(sorter(f_train[rows]), g_train[rows])
        loss = data_loss + CONFIG["l1"] * sorter.l1()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += data_loss.item() * len(rows)
    with torch.no_grad():
        accuracy = (sorter(f_test).argmax(-1) == g_test).float().mean()
    print(f"{epoch:>3} cross entropy {seen / len(f_train):.4f}  held-out accuracy {accuracy:.4f}")

print(f"held-out accuracy {accuracy:.4f}")
