"""Deep Q-learning on a 5x5 maze with a replay memory and a target network."""
import copy
import random
from collections import deque

import torch
import torch.nn as nn

random.seed(17)
torch.manual_seed(17)

SIZE, GOAL = 5, (4, 4)
WALLS = {(1, 1), (1, 2), (1, 3), (3, 1), (3, 3), (3, 4)}
MOVES = [(0, 1), (1, 0), (0, -1), (-1, 0)]


def move(pos, a):
    r, c = pos[0] + MOVES[a][0], pos[1] + MOVES[a][1]
    if not (0 <= r < SIZE and 0 <= c < SIZE) or (r, c) in WALLS:
        r, c = pos
    done = (r, c) == GOAL
    return (r, c), (1.0 if done else -0.02), done


def encode(pos):
    v = torch.zeros(SIZE * SIZE)
    v[pos[0] * SIZE + pos[1]] = 1
    return v


q = nn.Sequential(nn.Linear(25, 64), nn.ReLU(), nn.Linear(64, 4))
target = copy.deepcopy(q)
opt = torch.optim.Adam(q.parameters(), lr=2e-3)
memory = deque(maxlen=2000)
gamma, updates = 0.95, 0

FREE = [(r, c) for r in range(SIZE) for c in range(SIZE) if (r, c) not in WALLS and (r, c) != GOAL]
for episode in range(120):
    pos, eps, losses = random.choice(FREE), max(0.1, 1 - episode / 60), []
    for _ in range(40):
        if random.random() < eps:
            a = random.randrange(4)
        else:
            with torch.no_grad():
                a = q(encode(pos)).argmax().item()
        new, r, done = move(pos, a)
        memory.append((encode(pos), a, r, encode(new), done))
        pos = new
        if len(memory) >= 100:
            s, act, rew, s2, end = zip(*random.sample(memory, 32))
            s, s2 = torch.stack(s), torch.stack(s2)
            with torch.no_grad():
                goal = torch.tensor(rew) + gamma * target(s2).max(1).values * (1 - torch.tensor(end).float())
            value = q(s).gather(1, torch.tensor(act).unsqueeze(1)).squeeze(1)
            loss = nn.functional.smooth_l1_loss(value, goal)
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
            updates += 1
            if updates % 50 == 0:
                target.load_state_dict(q.state_dict())
        if done:
            break
    if episode % 10 == 9 and losses:
        print(f"episode {episode + 1}: eps {eps:.2f} td loss {sum(losses) / len(losses):.5f}")

# greedy runs from every free cell
solved = 0
for start in FREE:
    pos = start
    for _ in range(16):
        with torch.no_grad():
            pos, _, done = move(pos, q(encode(pos)).argmax().item())
        if done:
            solved += 1
            break
print(f"solved from {solved / len(FREE):.3f} of the cells")
