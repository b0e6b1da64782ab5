# echo canceller: estimate a room's impulse response from far-end signal and microphone
import numpy as np
import torch

torch.manual_seed(3)
rng = np.random.default_rng(3)

taps = 32
length = 6000

noise = rng.standard_normal(length + 200)
far = np.zeros_like(noise)
for k in range(1, len(noise)):
    far[k] = 0.97 * far[k - 1] + noise[k]
far = far[200:] / far[200:].std()

room = rng.standard_normal(taps) * np.exp(-np.arange(taps) / 8)
room /= np.linalg.norm(room)
frames = np.lib.stride_tricks.sliding_window_view(far, taps)[:, ::-1]
mic = frames @ room + 0.003 * rng.standard_normal(len(frames))

X = torch.tensor(frames.copy(), dtype=torch.float32)
d = torch.tensor(mic, dtype=torch.float32).unsqueeze(1)
X_fit, d_fit, X_new, d_new = X[:5000], d[:5000], X[5000:], d[5000:]

canceller = torch.nn.Linear(taps, 1, bias=False)
optimizer = torch.optim.SGD(canceller.parameters(), lr=0.035)

for epoch in range(16):
    for rows in torch.randperm(len(X_fit)).split(200):
        error = d_fit[rows] - canceller(X_fit[rows])
        loss = (error ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        left = (d_new - canceller(X_new)).pow(2).mean()
        erle = 10 * torch.log10(d_new.pow(2).mean() / left)
    print(f"epoch {epoch + 1:2d}: residual power {left:.6f}  ERLE {erle:.1f} dB")

mismatch = np.linalg.norm(canceller.weight.detach().numpy()[0] - room) / np.linalg.norm(room)
print(f"relative mismatch of the impulse response = {mismatch:.4f}")
