"""Which records are held out for validation: decided by a record's content alone.

So a record never changes split when others are added, moved or taken away, and exact copies stay together.
"""

from __future__ import annotations

from hashlib import blake2b

from slipline.components.examples.example_records import parse_example
from slipline.components.features.decode_images import looks_like_image

DIGEST_BYTES = 8


def is_held_out(record: bytes, share: float) -> bool:
    """Whether a record belongs to the `share`, in 0..1, held out; one that does still does with a larger share.

    Args:
      record: A serialized `tf.Example`, or any bytes. Of one with images only these count, so that a copy of an image
        stays with it under whatever label or name; of any other, all features.
      share: The expected part of all different records.
    """
    return int.from_bytes(_digest(record), "big") < share * (1 << 8 * DIGEST_BYTES)


def _digest(record: bytes) -> bytes:
    example = parse_example(record)
    if example is None:
        return blake2b(record, digest_size=DIGEST_BYTES).digest()
    features = example.features.feature
    values = (value for name in sorted(features) for value in features[name].bytes_list.value)
    images = [value for value in values if looks_like_image(value)]
    # However the bytes of the record are ordered, the same features give the same digest.
    content = images or [example.SerializeToString(deterministic=True)]
    digest = blake2b(digest_size=DIGEST_BYTES)
    for value in content:
        digest.update(len(value).to_bytes(8, "big") + value)
    return digest.digest()
