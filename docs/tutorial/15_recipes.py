"""The same with the recipes: the sentiment of texts, and the kinds of pictures."""

import csv
import random
import tempfile
from pathlib import Path

import numpy as np
from drawing import BLUE, ORANGE, label, panels, save
from PIL import Image

import regard

FOLDER = Path(tempfile.mkdtemp())
random.seed(1)
GOOD, BAD = ("clean", "lovely", "quiet", "friendly"), ("dirty", "awful", "noisy", "rude")
PARTS = ("room", "bed", "staff", "food", "view")

with open(FOLDER / "reviews.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["text", "label"])
    for number in range(400):
        part, other = random.sample(PARTS, 2)
        words = GOOD if number % 2 else BAD
        text = f"We stayed two nights, and the {part} was {random.choice(words)}, the {other} too."
        writer.writerow([text, "positive" if number % 2 else "negative"])

run = regard.fit_text(
    FOLDER / "reviews.csv",
    output=FOLDER / "reviews",
    **{"epochs": 4, "vocabulary_size": 200, "batch_tokens": 512, "teacher": False, "refit": False},
)
review = "We stayed two nights, and the room was lovely, the view too."
answer = run.predict([review])[0]
attention = run.attention(review)
contributions = attention.contributions[0]  # of each token to the answer
most = attention.tokens[int(np.argmax(contributions))]
print(f"{answer.label}, and most for it speaks: {most}")

noise = np.random.default_rng(1)
for number in range(160):
    kind = ("red", "blue")[number % 2]
    pixels = noise.integers(60, 160, (32, 32, 1)).repeat(3, axis=2).astype("uint8")
    row, column = noise.integers(8, 24, 2)
    disc = (np.arange(32)[:, None] - row) ** 2 + (np.arange(32) - column) ** 2 < 36
    pixels[disc] = (220, 40, 40) if kind == "red" else (40, 40, 220)
    (FOLDER / "discs" / kind).mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(FOLDER / "discs" / kind / f"{number}.png")

seer = regard.fit_images(
    FOLDER / "discs",
    output=FOLDER / "seer",
    **{"preset": "vit_compact", "epochs": 3, "batch_size": 16},
)
picture = FOLDER / "discs" / "red" / "158.png"
seen = seer.attention(picture)
speaks = seen.contributions[0][-64:].reshape(8, 8)  # of each patch of 4 × 4 pixels
pixels = np.asarray(Image.open(picture)).astype(int)
is_disc = (pixels[..., 0] - pixels[..., 1] > 100).reshape(8, 4, 8, 4).any((1, 3))
share = float(abs(speaks[is_disc]).sum() / abs(speaks).sum())
print(
    f"{seen.title}: {share:.2f} of what speaks is in the disc, {is_disc.mean():.2f} of the picture"
)

figure, axes = panels(3, width=7.6, height=2.5, width_ratios=(2, 1, 1))
tokens = attention.tokens
axes[0].barh(range(len(tokens)), contributions, color=np.where(contributions > 0, BLUE, ORANGE))
axes[0].invert_yaxis()
axes[1].imshow(pixels)
axes[2].imshow(speaks, cmap="RdBu", vmin=-abs(speaks).max(), vmax=abs(speaks).max())
titles = f"speaks for “{attention.title}”", "a picture", f"speaks for “{seen.title}”"
for panel, title in zip(axes, titles, strict=True):
    label(panel, title)
axes[0].set_yticks(range(len(tokens)), tokens, fontsize=6)
for panel in axes[1:]:
    panel.axis("off")
save(figure, "recipes")
