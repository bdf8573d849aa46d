"""Vectors: two towers, how they learn, and the release they are kept in.

TensorFlow Recommenders needs Keras 2, which must be chosen before TensorFlow is first imported.
"""

import os
import sys

_CHOICE = "TF_USE_LEGACY_KERAS"

if os.environ.get(_CHOICE, "1") != "1" or ("tensorflow" in sys.modules and _CHOICE not in os.environ):
    raise ImportError(
        "TensorFlow Recommenders needs Keras 2, and Keras 3 was chosen: import `models` before TensorFlow, "
        f"and leave {_CHOICE} unset or set it to 1."
    )
os.environ.setdefault(_CHOICE, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
