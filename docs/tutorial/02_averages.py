"""Weighted averages: scores become weights, and weights an average."""

import numpy as np
from drawing import BLUE, FAINT, label, panels, save
from keras import ops

from regard.layers import masked_softmax, weighted_sum

scores = np.array([[2.0, 1.0, 0.0, 1.5]])  # of one query and four keys: (1, 4)
value = np.array([[20.0], [10.0], [0.0], [14.0]])  # (4, 1)

weights = masked_softmax(scores)  # exp(score), divided by the sum of all four
average = weighted_sum(weights, value)  # (1, 1)

real = np.array([[True, True, True, False]])  # the last is padding
masked = masked_softmax(scores, real)  # its weight is 0, and the others sum to 1

sharper = {factor: masked_softmax(factor * scores) for factor in (0, 1, 4, 16)}
averages = {factor: weighted_sum(row, value) for factor, row in sharper.items()}

print(
    "weights ", ops.convert_to_numpy(weights).round(3)[0], "average", f"{float(average[0, 0]):.2f}"
)
print("masked  ", ops.convert_to_numpy(masked).round(3)[0])
for factor, row in averages.items():
    print(f"scores x {factor}: average {float(row[0, 0]):.2f}")

figure, axes = panels(4, height=1.9, sharey=True)
for panel, (factor, row) in zip(axes, sharper.items(), strict=True):
    panel.bar(range(4), ops.convert_to_numpy(row)[0], color=BLUE)
    panel.bar(range(4), 1, color=FAINT, alpha=0.35, zorder=0)
    label(panel, f"scores × {factor}", f"average {float(averages[factor][0, 0]):.2f}")
    panel.set_xticks(range(4), [f"{each:g}" for each in value[:, 0]])
axes[0].set_ylabel("weight of the value", fontsize=8)
save(figure, "averages")
