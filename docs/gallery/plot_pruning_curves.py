"""
Error against the weights that stay
===================================

LeNet-300-100 reads images of digits. It is pruned by five criteria: rules that choose which weights stay. The figures
come from the recorded run (``make prune-table``, ``results/pruning/pruning.json``).

What to see: on the left nothing is trained after the pruning. If one weight in five stays, or fewer, the criteria
differ. Optimal Brain Surgeon adjusts the weights that stay, so its error rises least. On the right the network is
trained again for three epochs. Then the criteria differ much less.
"""

import json
from pathlib import Path

from classroom import picture

import refcompress

root = Path(refcompress.__file__).parents[1]
rows = json.loads((root / "results" / "pruning" / "pruning.json").read_text())["rows"]
rows = [row for row in rows if row["table"] == "weights" and row["network"] == "L2"]
CRITERIA = {"magnitude": "magnitude", "obs": "Optimal Brain Surgeon", "sparsegpt": "SparseGPT", "taylor": "Taylor",
            "wanda": "Wanda"}

figure, axes = picture(width=8.5, height=4, columns=2, x="weights kept, %", logarithmic="xy")
for ax, key, title in zip(axes, ("one_shot", "tuned"), ("pruned at once", "trained 3 epochs afterwards")):
    ends = []
    for criterion, label in CRITERIA.items():
        best = {}
        for row in rows:  # each criterion in the scope that serves it best on the validation images
            if row["criterion"] == criterion:
                kept = 100 * (1 - row["sparsity"])
                best[kept] = min(best.get(kept, (1.0, 1.0)), (row[f"{key}_validation"], row[f"{key}_test"]))
        kept = sorted(best, reverse=True)
        errors = [100 * best[k][1] for k in kept]
        line = ax.plot(kept, errors, marker="o", markersize=4)[0]
        ends.append([errors[-1], label, line.get_color(), kept[-1]])
    ends.sort()
    places = [end[0] for end in ends]
    apart = 1.35 if key == "one_shot" else 1.09
    for i in range(1, len(places)):  # labels stand apart from each other
        places[i] = max(places[i], places[i - 1] * apart)
    places[-1] = min(places[-1], 1.2 * ends[-1][0])
    for i in range(len(places) - 1, 0, -1):  # and none above the frame
        places[i - 1] = min(places[i - 1], places[i] / apart)
    for (_, label, colour, x), y in zip(ends, places):
        ax.annotate(label, (x, y), xytext=(6, 0), textcoords="offset points", color=colour, va="center", fontsize=8,
                    annotation_clip=False)
    ax.set(title=title, xticks=[50, 20, 10, 5, 2], xlim=(60, 0.75))
axes[0].set(ylabel="errors on test images, %", yticks=[1, 2, 5, 10, 20, 50, 100])
axes[1].set(yticks=[1.5, 2, 3, 4, 5])
figure.set_label("Two panels, error against weights kept. Pruned at once, the error of magnitude rises steeply "
                 "below ten per cent, that of Optimal Brain Surgeon hardly. After training the lines lie close "
                 "together down to five per cent.")
