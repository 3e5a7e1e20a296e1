"""What every test starts from: a quiet TensorFlow, and the same random numbers on each run."""

import os
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytest.register_assert_rewrite("layer_checks")


def pytest_collection(session):
    import replicas  # noqa: F401  two devices, before any test module uses TensorFlow


@pytest.fixture(autouse=True)
def seeded():
    keras = sys.modules.get("keras")  # only where a test already has it: importing it takes seconds
    if keras is not None:
        keras.utils.set_random_seed(7)
    yield
    if "tensorflow" in sys.modules:  # training turns it on for good, and then nothing is jitted
        from tensorflow.python.framework.config import disable_op_determinism

        disable_op_determinism()
