import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(12)
rng = np.random.default_rng(12)

# NTC thermistor in a divider: ADC count and supply voltage -> temperature in Celsius
celsius = rng.uniform(-20, 90, 1200)
supply = rng.uniform(4.5, 5.5, 1200)
kelvin = celsius + 273.15
ohms = 10e3 * np.exp(3950 * (1 / kelvin - 1 / 298.15))
reference = 4.096
adc = 4095 * np.clip(supply * 0.7 * 10e3 / (10e3 + ohms) / reference, 0, 1)
adc += rng.normal(0, 2, 1200)

inputs = np.stack([adc, supply], axis=1)
fit, held = slice(0, 900), slice(900, None)
inputs = (inputs - inputs[fit].mean(0)) / inputs[fit].std(0)
mu, sd = celsius[fit].mean(), celsius[fit].std()
x = torch.tensor(inputs)
y = torch.tensor((celsius - mu) / sd).unsqueeze(1)

curve = torch.nn.Sequential(
    torch.nn.Linear(2, 12), torch.nn.Tanh(),
    torch.nn.Linear(12, 12), torch.nn.Tanh(),
    torch.nn.Linear(12, 1),
)
optimizer = torch.optim.LBFGS(curve.parameters(), lr=1.0, max_iter=4, history_size=20, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(curve(x[fit]), y[fit])
    loss.backward()
    return loss


for step in range(1, 121):
    loss = optimizer.step(closure)
    if step % 20 == 0:
        with torch.no_grad():
            check = torch.nn.functional.mse_loss(curve(x[held]), y[held])
        print(f"step {step:3d}: rmse fit {loss.item() ** 0.5 * sd:.3f} K, held out {check.item() ** 0.5 * sd:.3f} K")

with torch.no_grad():
    error = (curve(x[held]) - y[held]).squeeze(1) * sd
print(f"held-out RMSE: {error.pow(2).mean().sqrt().item():.3f} K, largest {error.abs().max().item():.3f} K")
