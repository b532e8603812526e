"""Makes `data/mnist` anew from the four original archives.

`python -m slipline.components.sources.prepare_dataset FOLDER`

TensorFlow Datasets checks the sha256 of each archive and encodes the images; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from slipline.components.errors import DatasetNotFound

ARCHIVES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
VERSION = "3.0.1"


def prepare_mnist(archives: Path, data_dir: Path) -> Path:
    """Writes `<data_dir>/mnist/3.0.1` from the archives in a folder, replacing what is there, and returns it.

    Raises:
      DatasetNotFound: An archive is missing.
    """
    missing = [name for name in ARCHIVES if not (archives / name).is_file()]
    if missing:
        raise DatasetNotFound(f"{archives}: wanted the archives {', '.join(ARCHIVES)}; missing {', '.join(missing)}")
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    prepared = data_dir / "mnist" / VERSION
    with tempfile.TemporaryDirectory() as folder:
        manual = Path(folder) / "downloads" / "manual"  # where TFDS looks before it downloads
        manual.mkdir(parents=True)
        for name in ARCHIVES:
            shutil.copyfile(archives / name, manual / name)
        builder = tfds.builder(f"mnist:{VERSION}", data_dir=folder)
        builder.download_and_prepare()
        shutil.rmtree(prepared, ignore_errors=True)
        shutil.copytree(builder.data_dir, prepared)
    return prepared


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Prepares MNIST from its four original archives.")
    parser.add_argument("archives", type=Path, help=f"folder with {', '.join(ARCHIVES)}")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where to put it (default: data)")
    arguments = parser.parse_args()
    print(prepare_mnist(arguments.archives, arguments.data_dir))


if __name__ == "__main__":
    main()
