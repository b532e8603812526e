"""What a training runs on."""

from __future__ import annotations

import os


def claim_devices(worker: int) -> str:
    """Has TensorFlow take a GPU's memory as it needs it, and says what the training runs on.

    Several workers on one machine divide its GPUs; each takes one.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        threads = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    mine = gpus[worker % len(gpus)]
    try:
        tf.config.set_visible_devices(mine, "GPU")
        tf.config.experimental.set_memory_growth(mine, True)
    except RuntimeError:
        pass  # an earlier training in this process has set both
    return str(tf.config.experimental.get_device_details(mine).get("device_name", "GPU"))
