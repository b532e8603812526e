import pytest

from slipline.components.sources import image_folder_source
from slipline.components.sources.image_folder_source import ClassImages, class_images, class_names
from slipline.serving.wire.example_pb2 import Example


def test_classes_are_numbered_in_their_order_and_images_stay_in_theirs():
    images = ["/in/cat/2.png", "/in/dog/1.png", "/in/cat/1.png"]
    assert class_images(images, ["dog", "bird", "cat"]) == [
        ClassImages(path="/in/dog", images=("/in/dog/1.png",), label=0),
        ClassImages(path="/in/cat", images=("/in/cat/2.png", "/in/cat/1.png"), label=2),
    ]


def test_very_many_images_of_a_class_are_several_sources():
    images = [f"/in/cat/{number}.png" for number in range(2 * image_folder_source.IMAGES_IN_JOB + 1)]
    sources = class_images(images, ["cat"])
    assert [len(source.images) for source in sources] == [image_folder_source.IMAGES_IN_JOB] * 2 + [1]
    assert [image for source in sources for image in source.images] == images
    assert {(source.path, source.label) for source in sources} == {("/in/cat", 0)}


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["b", "a", "b"], ["a", "b"]),
        (["10", "9", "1"], ["1", "9", "10"]),
        (["10", "9", "a"], ["10", "9", "a"]),
    ],
)
def test_names_are_sorted_as_numbers_where_all_are(folders, names):
    assert class_names([f"/in/{folder}/1.png" for folder in folders]) == names


def test_records_are_the_files_as_they_are_with_the_label(tmp_path):
    files = [tmp_path / "1.png", tmp_path / "2.png"]
    for number, file in enumerate(files):
        file.write_bytes(b"whatever %d" % number)
    source = ClassImages(path=str(tmp_path), images=tuple(map(str, files)), label=3)
    examples = [Example.FromString(record).features.feature for record in source.records()]
    assert [each["image"].bytes_list.value[0] for each in examples] == [b"whatever 0", b"whatever 1"]
    assert [each["label"].int64_list.value[0] for each in examples] == [3, 3]
