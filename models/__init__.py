"""The two-tower model: query and item towers, their training, and the releases they are saved in.

TensorFlow Recommenders needs Keras 2, which must be selected before TensorFlow is first imported.
"""

import os
import sys

_KERAS_2 = "TF_USE_LEGACY_KERAS"

if os.environ.get(_KERAS_2, "1") != "1" or ("tensorflow" in sys.modules and _KERAS_2 not in os.environ):
    raise ImportError(
        "TensorFlow Recommenders needs Keras 2, but Keras 3 is selected: import `models` before TensorFlow, "
        f"and unset {_KERAS_2} or set it to 1."
    )
os.environ.setdefault(_KERAS_2, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
