"""What to attend to in a newspaper: the same page, read with three questions in mind."""

import numpy as np
from drawing import BLUE, INK, panels, save
from keras import ops
from matplotlib.patches import Rectangle

from regard.layers import dot_product_scores, masked_softmax

#                         sport weather money
HEADLINES = {
    "Storm closes port": (0.0, 0.9, 0.3),
    "Rain until Friday": (0.0, 1.0, 0.0),
    "Home side wins cup": (1.0, 0.0, 0.0),
    "Final moved: ice": (0.8, 0.6, 0.0),
    "Bank cuts rates": (0.0, 0.0, 1.0),
    "Club sold for 90 m": (0.6, 0.0, 0.8),
}
QUESTIONS = {"no question": (0, 0, 0), "Who won?": (4, 0, 0), "Will it rain?": (0, 4, 0)}

key = np.array([list(HEADLINES.values())])[None]  # (1, 1, 6, 3)
query = np.array([list(QUESTIONS.values())])[None]  # (1, 1, 3, 3)
scores = dot_product_scores(query, key)  # how well each headline fits each question
weights = ops.convert_to_numpy(masked_softmax(scores))[0, 0]  # (3, 6): each row sums to 1

for question, row in zip(QUESTIONS, weights, strict=True):
    print(f"{question}: {row.round(2)}")

figure, axes = panels(3, height=2.7)
for panel, question, row in zip(axes, QUESTIONS, weights, strict=True):
    panel.set_title(question, loc="left", fontsize=9, fontweight="bold", color=INK)
    panel.set(xlim=(0, 2), ylim=(0, 3), xticks=[], yticks=[])
    for number, (headline, weight) in enumerate(zip(HEADLINES, row, strict=True)):
        left, top = number % 2, 3 - number // 2
        place = (left + 0.04, top - 0.96)
        shade = {"facecolor": BLUE, "alpha": 0.04 + 0.85 * weight, "edgecolor": INK}
        panel.add_patch(Rectangle(place, 0.92, 0.92, **shade))
        colour = "white" if weight > 0.5 else INK
        panel.text(left + 0.5, top - 0.3, headline, ha="center", fontsize=6, color=colour)
        panel.text(left + 0.5, top - 0.7, f"{weight:.2f}", ha="center", fontsize=9, color=colour)
save(figure, "newspaper")
