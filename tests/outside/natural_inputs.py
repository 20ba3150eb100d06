"""Inputs like those that networks are made for, drawn here: a voice, and pictures of text.

What a network on integers errs by on noise says little: most of its values are then where no real input brings them.
"""

import math
from collections.abc import Iterator

import numpy as np

from refcompress import native
from refcompress.graph import Model

Inputs = dict[str, np.ndarray]
RATE = 16000
FORMANTS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
WORDS = ("the network is compressed as a whole and runs from its file every layer on integers with exact sums 2026 "
         "Section 4.1 Results HELLO World price 19.99 total").split()


def voice(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return syllables of vowels, hisses and pauses, float32: pulses of a pitch that moves, through three resonances.

    silero-vad takes it for speech: its probability goes from 0.01 to 0.999.
    """
    n = int(seconds * RATE)
    t, y = np.arange(n) / RATE, np.zeros(n)
    pitch = rng.uniform(90, 220) * (1 + 0.08 * np.sin(2 * np.pi * rng.uniform(1, 3) * t)
                                    + 0.03 * np.sin(10 * np.pi * t))
    pulses = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0.0) + 0.01 * rng.standard_normal(n)
    for start in range(0, n, RATE * 18 // 100):
        part = pulses[start : start + RATE * 18 // 100]
        for frequency, width in zip(FORMANTS[rng.integers(5)], (80, 90, 120)):
            part = resonant(part, frequency, width)
        kind = rng.integers(5)
        if kind < 2:
            part = 0.3 * kind * part.std() * rng.standard_normal(len(part))
        y[start : start + len(part)] = part * np.hanning(len(part)) ** 0.5
    return (y / (2 * np.abs(y).max()) + 0.003 * rng.standard_normal(n)).astype(np.float32)


def resonant(x: np.ndarray, frequency: float, width: float) -> np.ndarray:
    """Return a sound through a resonance of two poles, in hertz."""
    r = math.exp(-math.pi * width / RATE)
    a, b, last, before = 2 * r * math.cos(2 * math.pi * frequency / RATE), -r * r, 0.0, 0.0
    y = np.empty_like(x)
    for i, value in enumerate(x):
        y[i] = value + a * last + b * before
        before, last = last, y[i]
    return y


def steps(model: Model, sound: np.ndarray) -> Iterator[Inputs]:
    """Yield what silero-vad takes along a sound: 512 samples behind the last 64, and the state that it gave."""
    state, sound = np.zeros((2, 1, 128), np.float32), np.concatenate([np.zeros(64, np.float32), sound])
    rate = {"sr": np.array(RATE)} if "sr" in [each.name for each in model.graph.inputs] else {}
    for at in range(0, len(sound) - 576 + 1, 512):
        given = {"input": sound[None, at : at + 576], "state": state, **rate}
        yield given
        state = next(y for y in model.run(given, implementation=native).values() if y.shape == state.shape)


def written(rng: np.random.Generator, height: int, width: int, lines: int) -> np.ndarray:
    """Return a picture of lines of words, (1, 3, height, width) float32 in [-1, 1]."""
    from PIL import Image, ImageDraw, ImageFont

    paper, ink = int(rng.integers(160, 256)), int(rng.integers(0, 90))
    image = Image.new("RGB", (width, height), (paper,) * 3)
    draw, step = ImageDraw.Draw(image), height // lines
    for i in range(lines):
        font = ImageFont.load_default(size=int(step * rng.uniform(0.5, 0.7)))
        draw.text((int(rng.integers(2, 9)), i * step + step // 8), " ".join(rng.choice(WORDS, 4)), fill=(ink,) * 3,
                  font=font)
    pixels = np.asarray(image, np.float32) + rng.normal(0, 3, (height, width, 3)).astype(np.float32)
    return (pixels.transpose(2, 0, 1)[None] / 255 - 0.5).astype(np.float32) / np.float32(0.5)


def natural(name: str, model: Model) -> tuple[list[Inputs], list[Inputs]] | None:
    """Return inputs to calibrate on and inputs to be judged by, of a network of this name; None for other names."""
    both = [np.random.default_rng(seed) for seed in (1, 2)]
    if "silero" in name and "sequence" not in name:
        made = [list(steps(model, voice(2, rng))) for rng in both]
    elif "_det_" in name:
        made = [[{"x": written(rng, 192, 256, 7)} for _ in range(3)] for rng in both]
    elif "_rec_" in name or "_cls_" in name:
        made = [[{"x": written(rng, 48, 160, 1)} for _ in range(6)] for rng in both]
    else:
        return None
    return made[0], made[1]
