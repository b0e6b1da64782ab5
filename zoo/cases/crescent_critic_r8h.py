"""A small generator learns to draw two interleaved crescents, judged by a critic (WGAN-GP)."""
import torch
from sklearn.datasets import make_moons
from torch import nn, optim

NOISE = 4
BATCH = 256
CRITIC_STEPS = 2
UPDATES = 600


def mlp(n_in, n_out, width=64):
    return nn.Sequential(
        nn.Linear(n_in, width), nn.LeakyReLU(0.2),
        nn.Linear(width, width), nn.LeakyReLU(0.2),
        nn.Linear(width, n_out),
    )


def gradient_penalty(critic, real, fake):
    eps = torch.rand(len(real), 1)
    mixed = (eps * real + (1 - eps) * fake).requires_grad_()
    grad, = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    return ((grad.norm(dim=1) - 1) ** 2).mean()


def sliced_distance(a, b, directions=64):
    theta = torch.linspace(0, torch.pi, directions + 1)[:-1]
    axes = torch.stack([theta.cos(), theta.sin()])
    pa, pb = (a @ axes).sort(dim=0).values, (b @ axes).sort(dim=0).values
    return (pa - pb).abs().mean().item()


def main():
    torch.manual_seed(11)
    points, _ = make_moons(6000, noise=0.06, random_state=11)
    points = torch.tensor(points, dtype=torch.float32)
    points = (points - points.mean(0)) / points.std(0)
    train, held_out = points[:4000], points[4000:]

    generator, critic = mlp(NOISE, 2), mlp(2, 1)
    opt_g = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.9))
    opt_c = optim.Adam(critic.parameters(), lr=4e-3, betas=(0.0, 0.9))

    decay_g = optim.lr_scheduler.LinearLR(opt_g, 1.0, 0.02, UPDATES)
    decay_c = optim.lr_scheduler.LinearLR(opt_c, 1.0, 0.1, UPDATES)

    for update in range(1, UPDATES + 1):
        for _ in range(CRITIC_STEPS):
            real = train[torch.randint(len(train), (BATCH,))]
            with torch.no_grad():
                fake = generator(torch.randn(BATCH, NOISE))
            gap = critic(real).mean() - critic(fake).mean()
            critic_loss = -gap + 0.2 * gradient_penalty(critic, real, fake)
            opt_c.zero_grad()
            critic_loss.backward()
            opt_c.step()

        generator_loss = -critic(generator(torch.randn(BATCH, NOISE))).mean()
        opt_g.zero_grad()
        generator_loss.backward()
        opt_g.step()
        decay_g.step()
        decay_c.step()

        if update % 100 == 0:
            with torch.no_grad():
                distance = sliced_distance(generator(torch.randn(2000, NOISE)), held_out)
            print(f"update {update}: critic gap {gap.item():.4f}, distance to held-out points {distance:.4f}")

    print(f"distance between two real samples {sliced_distance(train[:2000], held_out):.4f}")
    print(f"final distance {distance:.4f}")


if __name__ == "__main__":
    main()
