"""Vectors: two towers, how they learn, and the release they are kept in.

TensorFlow Recommenders needs Keras 2, which must be chosen before TensorFlow is first imported.
"""

import os
import sys

_CHOICE = "TF_USE_LEGACY_KERAS"

if "tensorflow" in sys.modules and os.environ.get(_CHOICE) != "1":
    raise ImportError(
        "TensorFlow was imported with Keras 3 before `models`; TensorFlow Recommenders needs Keras 2: "
        f"import `models` first, or set {_CHOICE}=1 in the environment."
    )
os.environ.setdefault(_CHOICE, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
