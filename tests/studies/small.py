"""What makes a new study small enough for a test."""

SMALLER = {
    "stimuli/early-vision.yaml": {
        "size: 224": "size: 32",
        "resize: 256": "resize: 40",
        "iterations: 120": "iterations: 8",
        "  - sample: camera\n": "",
        "  - sample: coffee\n": "",
    },
    "experiments/early-vision.yaml": {"trials_per_condition: 60": "trials_per_condition: 10"},
    "analysis/early-vision.yaml": {"samples: 2000": "samples: 200"},
}
