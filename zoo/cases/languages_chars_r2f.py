"""Guess the language of a line of text from its letters (character CNN)."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(21)

TEXTS = {
    "en": """The ship left the harbour early in the morning and turned towards the open sea. Nobody on the
    shore knew how long the journey would take, but everyone had come to say goodbye. The captain stood
    at the wheel and watched the lights of the town grow smaller. In the evening the wind became stronger
    and the waves rose higher than the rail. We should have waited another day, said the old sailor, but
    there was nothing to be done about it now. They pulled the ropes tight and hoped that the weather would
    change before night. When the sun came up again the water was quiet and the birds were flying above them.""",
    "de": """Das Schiff verliess am fruehen Morgen den Hafen und fuhr auf das offene Meer hinaus. Niemand am
    Ufer wusste, wie lange die Reise dauern wuerde, aber alle waren gekommen, um sich zu verabschieden. Der
    Kapitaen stand am Steuer und sah zu, wie die Lichter der Stadt kleiner wurden. Am Abend wurde der Wind
    staerker und die Wellen stiegen hoeher als die Reling. Wir haetten noch einen Tag warten sollen, sagte der
    alte Matrose, aber daran war jetzt nichts mehr zu aendern. Sie zogen die Seile fest und hofften, dass sich
    das Wetter vor der Nacht noch bessern werde. Als die Sonne wieder aufging, lag das Wasser ruhig da.""",
    "es": """El barco salio del puerto por la manana temprano y puso rumbo al mar abierto. Nadie en la orilla
    sabia cuanto tiempo duraria el viaje, pero todos habian venido para despedirse. El capitan estaba de pie
    junto al timon y miraba como las luces de la ciudad se hacian cada vez mas pequenas. Por la tarde el viento
    se hizo mas fuerte y las olas subieron por encima de la borda. Tendriamos que haber esperado otro dia, dijo
    el viejo marinero, pero ya no se podia hacer nada. Tiraron de las cuerdas y esperaban que el tiempo
    cambiara antes de la noche. Cuando salio el sol otra vez el agua estaba tranquila y volaban los pajaros.""",
    "it": """La nave lascio il porto di mattina presto e si diresse verso il mare aperto. Nessuno sulla riva
    sapeva quanto sarebbe durato il viaggio, ma tutti erano venuti per salutare. Il capitano stava al timone e
    guardava le luci della citta che diventavano sempre piu piccole. Di sera il vento si fece piu forte e le
    onde salirono oltre il parapetto. Avremmo dovuto aspettare un altro giorno, disse il vecchio marinaio, ma
    ormai non si poteva fare niente. Tirarono le corde e sperarono che il tempo cambiasse prima della notte.
    Quando il sole sorse di nuovo il mare era tranquillo e gli uccelli volavano sopra di loro.""",
}
WIDTH, STRIDE = 32, 1
ALPHABET = " abcdefghijklmnopqrstuvwxyz.,"


class Snippets(Dataset):
    def __init__(self, part):
        self.items = []
        for label, text in enumerate(TEXTS.values()):
            text = " ".join(text.lower().split())
            cut = int(0.75 * len(text))
            text = text[:cut] if part == "train" else text[cut:]
            for start in range(0, len(text) - WIDTH, STRIDE):
                piece = text[start:start + WIDTH]
                codes = torch.tensor([ALPHABET.find(ch) + 1 for ch in piece])
                self.items.append((codes, label))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class LanguageModel(nn.Module):
    def __init__(self, dim=16, filters=48):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET) + 1, dim)
        self.conv = nn.Conv1d(dim, filters, kernel_size=4)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(filters, len(TEXTS))

    def forward(self, codes):
        x = self.letters(codes).transpose(1, 2)
        x = torch.relu(self.conv(x)).amax(dim=2)
        return self.out(self.drop(x))


train_set, test_set = Snippets("train"), Snippets("test")
train_batches = DataLoader(train_set, batch_size=16)
test_batches = DataLoader(test_set, batch_size=256)
print(len(train_set), "training snippets,", len(test_set), "test snippets")

model = LanguageModel()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()


def evaluate():
    model.eval()
    hits = 0
    with torch.no_grad():
        for codes, label in test_batches:
            hits += (model(codes).argmax(dim=1) == label).sum().item()
    return hits / len(test_set)


for epoch in range(8):
    model.train()
    losses = []
    for codes, label in train_batches:
        loss = criterion(model(codes), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch + 1}/8  loss {sum(losses) / len(losses):.3f}  test accuracy {evaluate():.3f}")

print(f"Test accuracy: {evaluate():.3f}")
