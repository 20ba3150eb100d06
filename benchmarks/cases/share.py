"""Weight sharing: Lloyd's k-means, and the optimum."""

from .case import Case, normal, on_weights

CASES = [
    *(
        on_weights("share_kmeans", layer, 5, bits=5, quick=layer.startswith("LeNet"))
        for layer in ("LeNet-300-100 fc1", "AlexNet conv5")
    ),
    Case("share_optimal", "LeNet-5 fc2, bits 4", lambda rng: ((normal(rng, 10, 500),), {"bits": 4}), 0, 4 * 10 * 500,
         quick=True),
    on_weights("share_optimal", "LeNet-300-100 fc1", 4, bits=4, reference=False, quick=True),
    on_weights("share_optimal", "AlexNet conv5", 4, bits=5, reference=False),
    Case("share_optimal", "10,000,000 weights, bits 8", lambda rng: ((normal(rng, 2000, 5000),), {"bits": 8}), 0,
         4 * 10**7, reference=False),
]
