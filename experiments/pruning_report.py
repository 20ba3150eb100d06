"""The pruning table as Markdown and as pictures."""

from pathlib import Path

from refcompress.recipes.plots import draw
from refcompress.recipes.sensitivity import Point, sensitivity_table

WEIGHTS = 266_200
UNPRUNED = {"L2": "trained with the recipe's L2 penalty", "no L2": "trained without a penalty"}


def markdown(results: dict) -> str:
    """Return all tables; every error is of the test images, in %, but for the sensitivity scan's."""
    reference = results["reference"]
    tune = results["settings"]["fine_tuning"]
    epochs = results["settings"]["schedule_epochs"]["epochs"]
    parts = [
        "# Pruning LeNet-300-100 on MNIST",
        f"Written by `python -m experiments.pruning`, seed {results['seed']}. Test error in %, of 10,000 images (0.1 % "
        "is 10 images); every choice was made on the 5,000 validation images. Fine-tuned: "
        f"{tune['epochs']} epochs of Adam at {tune['learning_rate']:g}. Unpruned: " + "; ".join(
            f"{100 * errors['test']:.2f} % {UNPRUNED[name]}" for name, errors in reference.items()) + ".",
        "## Single weights, one shot", _grid(results, "weights", "L2", "one_shot"),
        _verdict(results, "weights", "L2", "one_shot"),
        "## Single weights, fine-tuned", _grid(results, "weights", "L2", "tuned"),
        _verdict(results, "weights", "L2", "tuned"),
        "## Single weights, one shot, of the network trained without a penalty",
        _grid(results, "weights", "no L2", "one_shot"), _verdict(results, "weights", "no L2", "one_shot"),
        "## Whole units, the network really smaller, one shot (sparsity: of all weights)",
        _grid(results, "units", "L2", "one_shot"), _verdict(results, "units", "L2", "one_shot"),
        "## Whole units, fine-tuned", _grid(results, "units", "L2", "tuned"), _verdict(results, "units", "L2", "tuned"),
        "## N of M consecutive weights in every layer: one shot / fine-tuned", _patterns(results),
        f"## Schedules, by magnitude where nothing is said: {epochs} epochs in all; the lottery ticket is trained "
        "anew in every round", _grid(results, "schedules", "L2", "tuned"),
    ]
    for criterion in _criteria(results, "sensitivity", "L2"):
        rows = [row for row in results["rows"] if row["table"] == "sensitivity" and row["criterion"] == criterion]
        points = [Point(row["weight"], row["sparsity"], row["kept"], row["error"]) for row in rows]
        parts += [f"## Sensitivity of each layer to {criterion}, alone, one shot (validation error)",
                  sensitivity_table(points)]
    return "\n\n".join(parts) + "\n"


def pictures(results: dict, out: Path) -> None:
    """Draw error against kept weights, and the sensitivity scan."""
    level = 100 * results["reference"]["L2"]["test"]
    panels = {"single weights, one shot": ("weights", "L2", "one_shot"),
              "single weights, fine-tuned": ("weights", "L2", "tuned"),
              "single weights, one shot, trained without L2": ("weights", "no L2", "one_shot"),
              "whole units, fine-tuned": ("units", "L2", "tuned")}
    draw(out / "pruning.png", {title: _lines(results, *which) for title, which in panels.items()}, y="test error, %",
         level=level)
    scans = {}
    for row in results["rows"]:
        if row["table"] == "sensitivity":
            lines = scans.setdefault(f"one layer pruned alone, by {row['criterion']}", {})
            lines.setdefault(row["weight"], []).append((100 * (1 - row["sparsity"]), 100 * row["error"]))
    draw(out / "sensitivity.png", scans, x="weights of the layer kept, %", y="validation error, %",
         level=100 * results["reference"]["L2"]["validation"])


def _rows(results: dict, table: str, network: str) -> list[dict]:
    return [row for row in results["rows"] if row["table"] == table and row["network"] == network]


def _criteria(results: dict, table: str, network: str) -> list[str]:
    """Return the criteria: those on the long list first, in its order."""
    found = list(dict.fromkeys(row["criterion"] for row in _rows(results, table, network)))
    order = ["random", "magnitude", "threshold", "wanda", "apoz", "activation", "taylor", "movement", "fisher", "obd",
             "obs", "sparsegpt", "one-shot", "iterative", "iterative, obd", "gradual", "splicing", "lottery ticket"]
    return sorted(found, key=order.index)


def _grid(results: dict, table: str, network: str, stage: str) -> str:
    rows = _rows(results, table, network)
    columns = sorted({row["sparsity"] for row in rows})
    cells = {(row["criterion"], row["sparsity"]): row.get(f"{stage}_test") for row in rows}
    head = ["criterion" if table != "schedules" else "schedule", *(f"{100 * s:g} %" for s in columns)]
    body = [[criterion, *(_percent(cells.get((criterion, s))) for s in columns)]
            for criterion in _criteria(results, table, network)]
    return _table([head, ["---", *("---:" for _ in columns)], *body])


def _verdict(results: dict, table: str, network: str, stage: str) -> str:
    """Say which criteria do better than magnitude by more than two standard errors of the difference of two counts."""
    rows = [row for row in _rows(results, table, network) if f"{stage}_test" in row]
    errors = {(row["criterion"], row["sparsity"]): row[f"{stage}_test"] for row in rows}
    said = []
    for sparsity in sorted({row["sparsity"] for row in rows}):
        base = errors["magnitude", sparsity]
        better = [criterion for criterion in _criteria(results, table, network) if (criterion, sparsity) in errors
                  and base - errors[criterion, sparsity] > 2 * _deviation(base, errors[criterion, sparsity])]
        said.append(f"at {100 * sparsity:g} % {', '.join(better) or 'none'}")
    return f"Better than magnitude by more than two standard errors: {'; '.join(said)}."


def _deviation(p: float, q: float, images: int = 10_000) -> float:
    """The standard error of the difference of two error rates, each of so many images, taken as independent."""
    return ((p * (1 - p) + q * (1 - q)) / images) ** 0.5


def _patterns(results: dict) -> str:
    rows = _rows(results, "patterns", "L2")
    columns = list(dict.fromkeys(row["scope"] for row in rows))
    cells = {(row["criterion"], row["scope"]): f"{_percent(row['one_shot_test'])} / {_percent(row['tuned_test'])}"
             for row in rows}
    body = [[criterion, *(cells[criterion, scope] for scope in columns)]
            for criterion in _criteria(results, "patterns", "L2")]
    return _table([["criterion", *columns], ["---", *("---:" for _ in columns)], *body])


def _table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _percent(error: float | None) -> str:
    return "" if error is None else f"{100 * error:.2f}"


def _lines(results: dict, table: str, network: str, stage: str) -> dict[str, list[tuple[float, float]]]:
    lines = {}
    for criterion in _criteria(results, table, network):
        lines[criterion] = [(100 * row["kept"] / WEIGHTS, 100 * row[f"{stage}_test"])
                            for row in _rows(results, table, network)
                            if row["criterion"] == criterion and f"{stage}_test" in row]
    return lines
