"""REINFORCE with a learned baseline: get home over a frozen lake, 24 episodes side by side."""
import torch
import torch.nn as nn
from torch.distributions import Categorical

LAKE = [
    ".....",
    ".O.O.",
    "...O.",
    "O....",
    "..O.G",
]
MOVES = torch.tensor([[-1, 0], [1, 0], [0, -1], [0, 1]])
HEIGHT, WIDTH = len(LAKE), len(LAKE[0])
ICE = torch.tensor([[y, x] for y in range(HEIGHT) for x in range(WIDTH) if LAKE[y][x] == "."])
HOLE = torch.tensor([[c == "O" for c in row] for row in LAKE])
GOAL = torch.tensor([[c == "G" for c in row] for row in LAKE])
GAMMA, LIMIT, EPISODES = 0.97, 25, 24


def one_hot(place):
    return nn.functional.one_hot(place[:, 0] * WIDTH + place[:, 1], HEIGHT * WIDTH).float()


def move(place, action):
    """New places, rewards, and whether the episode is over."""
    there = place + MOVES[action]
    there = torch.stack([there[:, 0].clamp(0, HEIGHT - 1), there[:, 1].clamp(0, WIDTH - 1)], 1)
    fell = HOLE[there[:, 0], there[:, 1]]
    home = GOAL[there[:, 0], there[:, 1]]
    return there, home.float() - 0.5 * fell.float() - 0.02, fell | home


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(HEIGHT * WIDTH, 32), nn.Tanh(), nn.Linear(32, 4))
        self.critic = nn.Sequential(nn.Linear(HEIGHT * WIDTH, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, state):
        return Categorical(logits=self.actor(state)), self.critic(state).squeeze(-1)


def rollout(agent, place, greedy=False):
    alive = torch.ones(len(place), dtype=torch.bool)
    states, actions, rewards, masks = [], [], [], []
    for _ in range(LIMIT):
        state = one_hot(place)
        with torch.no_grad():
            policy = Categorical(logits=agent.actor(state))
        action = policy.probs.argmax(1) if greedy else policy.sample()
        place_next, reward, over = move(place, action)
        states.append(state)
        actions.append(action)
        rewards.append(reward * alive)
        masks.append(alive)
        place = torch.where(alive[:, None], place_next, place)
        alive = alive & ~over
        if not alive.any():
            break
    return torch.stack(states), torch.stack(actions), torch.stack(rewards), torch.stack(masks)


def returns_of(rewards):
    total, out = torch.zeros(rewards.shape[1]), []
    for reward in reversed(rewards):
        total = reward + GAMMA * total
        out.append(total)
    return torch.stack(out[::-1])


torch.manual_seed(3)
agent = ActorCritic()
optimizer = torch.optim.Adam(agent.parameters(), lr=5e-3)
history = []
for update in range(1, 401):
    states, actions, rewards, masks = rollout(agent, ICE[torch.randint(len(ICE), (EPISODES,))])
    returns = returns_of(rewards)
    policy, value = agent(states[masks])
    gain = returns[masks]
    advantage = gain - value.detach()
    loss = (
        -(policy.log_prob(actions[masks]) * advantage).mean()
        + 0.5 * (gain - value).pow(2).mean()
        - 0.01 * policy.entropy().mean()
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.append(rewards.sum(0).mean().item())
    if update % 50 == 0:
        print(f"update {update}: mean return {sum(history[-50:]) / 50:.3f}, entropy {policy.entropy().mean().item():.3f}")

_, _, rewards, masks = rollout(agent, ICE, greedy=True)
print(f"greedy routes home: {int((rewards.max(0).values > 0).sum())} of {len(ICE)} starts, {masks.sum(0).float().mean().item():.2f} steps")
print(f"average return of the last 50 updates: {sum(history[-50:]) / 50:.3f}")
