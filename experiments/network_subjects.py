"""The networks of the experiment `networks`: each with what it is calibrated on, and what it is judged by.

LeNet-5 is that of results/deep_compression, LeNet-300-100 was trained here for ten epochs and is dense. MNIST is the
judge: 5,000 validation images by which settings may be chosen, and the test images, which are reported alone.

MobileNetV2 needs a checkpoint (examples/mobilenet_v2.py says which). There is no ImageNet here. So the judge is
agreement: how often the class is that of the float network, over 500 crops of ten pictures that scikit-image,
scikit-learn and matplotlib carry; sixty crops of six others calibrate. Many crops show bricks, a retina or the moon, of
which the network is not sure: the agreement is lower than on photographs of its classes.

8-bit weights harm its first depthwise convolution most (features.1.conv.0.0): one row keeps that in float32.

MiniLM is all-MiniLM-L6-v2 (examples/minilm_graph.py). The judge is the cosine of its sentence embeddings with those of
the float network, over the 200 sentences of examples/minilm.py; sixty-four further ones calibrate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import refcompress
from experiments.runner import RESULTS, fastest
from refcompress.graph import Builder, Model
from refcompress.recipes import lenet_300_100 as recipe
from refcompress.training import mnist, model_of

Inputs = Mapping[str, np.ndarray]
Run = Callable[[Inputs], np.ndarray]
CALIBRATED_BY = {"skimage": ["data/coffee.png", "data/hubble_deep_field.jpg", "data/ihc.png", "data/coins.png",
                             "data/grass.png"], "sklearn": ["datasets/images/china.jpg"]}
JUDGED_BY = {"skimage": ["data/astronaut.png", "data/camera.png", "data/chelsea.png", "data/motorcycle_left.png",
                         "data/rocket.jpg", "data/retina.jpg", "data/brick.png", "data/moon.png"],
             "sklearn": ["datasets/images/flower.jpg"], "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"]}
MEAN, DEVIATION = (np.float32(each)[:, None, None] for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
SIDE = 224


@dataclass(frozen=True)
class Subject:
    """model : the float network. output : the one that is judged. calibration : batches of inputs. judge : what a run
    of the network is worth, by name, in the order of the table. keep : the nodes that rounding harms most.
    """

    model: Model
    output: str
    calibration: list[Inputs]
    judge: Callable[[Run], dict[str, float]]
    keep: tuple[str, ...] = ()


def lenet_5() -> Subject:
    """Return LeNet-5 from the file of Deep Compression that has the accuracy of the dense network."""
    layers = {name: np.asarray(layer) for name, layer in refcompress.load(
        RESULTS / "deep_compression" / "lenet_5-parity.rcz", implementation=fastest()).items()}
    b = Builder()
    x = b.input("image", ("n", 1, 28, 28))
    for name in ("conv1", "conv2"):
        x = b.conv(x, layers[f"{name}.weight"], layers[f"{name}.bias"], name=name)
        x = b.relu(b.max_pool(x, kernel=(2, 2), strides=(2, 2)))
    x = b.flatten(b.transpose(x, axes=(0, 2, 3, 1)))  # the file's network has its channels last
    x = b.relu(b.linear(x, layers["fc1.weight"], layers["fc1.bias"], name="fc1"))
    model = b.model(b.linear(x, layers["fc2.weight"], layers["fc2.bias"], name="fc2"))
    return digits(model, "image", (1, 28, 28))


def lenet_300_100() -> Subject:
    """Return LeNet-300-100, trained on the 55,000 images that are not for validation."""
    train, _ = mnist.split(mnist.load()[0])
    network = recipe.train_reference(train.inputs(), train.labels, seed=0, epochs=10)
    return digits(model_of(network), "x", (784,))


def digits(model: Model, name: str, shape: tuple[int, ...]) -> Subject:
    """Return a network of MNIST's images, which come in this shape under this name."""
    train, test = mnist.load()
    train, validation = mnist.split(train)
    images = [each.inputs().reshape(-1, *shape) for each in (train, validation, test)]
    output = model.graph.outputs[0]

    def judge(run: Run) -> dict[str, float]:
        wrong = {}
        for part, x, labels in (("validation error, %", images[1], validation.labels),
                                ("test error, %", images[2], test.labels)):
            y = np.concatenate([run({name: x[i : i + 500]}) for i in range(0, len(x), 500)])
            wrong[part] = 100 * float(np.mean(y.argmax(axis=1) != labels))
        return wrong

    return Subject(model, output, [{name: images[0][i : i + 100]} for i in range(0, 1000, 100)], judge)


def crops(pictures: Mapping[str, list[str]], each: int, seed: int) -> np.ndarray:
    """Return squares out of pictures, (n, 3, 224, 224), as ImageNet's networks take them: drawn places, sizes of 0.4 to
    1 of the shorter side, half of them mirrored.
    """
    from PIL import Image

    rng, found = np.random.default_rng(seed), []
    for package, files in pictures.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"{package} is not installed, and carries pictures that are judged by: "
                             f"pip install --no-deps scikit-image scikit-learn matplotlib")
        for file in files:
            image = Image.open(Path(spec.origin).parent / file).convert("RGB")
            for _ in range(each):
                side = int(rng.uniform(0.4, 1) * min(image.size))
                left, top = (int(rng.integers(0, size - side + 1)) for size in image.size)
                crop = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
                x = np.asarray(crop, np.float32).transpose(2, 0, 1) / np.float32(255)
                found.append((x[:, :, ::-1] if rng.random() < 0.5 else x) - MEAN)
    return np.ascontiguousarray(np.stack(found) / DEVIATION)


def mobilenet_v2(checkpoint: str) -> Subject:
    """Return MobileNetV2 with the weights of a checkpoint."""
    from examples.mobilenet_v2 import network

    with refcompress.open(checkpoint) as tensors:
        model = network({name: tensor.read() for name, tensor in tensors.items()})
    calibration, judged = crops(CALIBRATED_BY, 10, 0), crops(JUDGED_BY, 50, 1)
    batches = [{"images": judged[i : i + 10]} for i in range(0, len(judged), 10)]
    first: list[np.ndarray] = []

    def judge(run: Run) -> dict[str, float]:
        y = np.concatenate([run(each) for each in batches])
        if not first:  # the float network is the first that is judged
            first.append(y)
        return {"agreement, %": 100 * float(np.mean(y.argmax(axis=1) == first[0].argmax(axis=1))),
                "error of the logits, %": 100 * float(np.sqrt(np.mean((y - first[0]) ** 2) / np.mean(first[0] ** 2)))}

    return Subject(model, model.graph.outputs[0],
                   [{"images": calibration[i : i + 10]} for i in range(0, len(calibration), 10)], judge,
                   ("features.1.conv.0.0",))


def minilm() -> Subject:
    """Return all-MiniLM-L6-v2: sentences of as many tokens are computed together."""
    from examples.minilm import SENTENCES, sentences
    from examples.minilm_graph import batch, network
    from experiments.minilm import Tokens, load

    tokens = Tokens()

    def batches(texts: list[str]) -> list[Inputs]:
        by_length: dict[int, list[str]] = {}
        for text in texts:
            by_length.setdefault(len(tokens(text)), []).append(text)
        return [batch(each, tokens) for _, each in sorted(by_length.items())]

    texts = sentences(SENTENCES + 64)
    judged = batches(texts[:SENTENCES])
    first: list[np.ndarray] = []

    def judge(run: Run) -> dict[str, float]:
        y = np.concatenate([run(each) for each in judged]).astype(np.float64)
        if not first:
            first.append(y)
        cosine = np.sum(y * first[0], axis=1) / np.linalg.norm(y, axis=1) / np.linalg.norm(first[0], axis=1)
        return {"cosine, mean": float(cosine.mean()), "cosine, worst": float(cosine.min())}

    return Subject(network(load()), "embedding", batches(texts[SENTENCES:]), judge)
