from slipline.components.artifacts import Examples, Schema
from slipline.components.training.job import TrainingJob, calling, find_call
from slipline.components.training.train_settings import TrainParams

HERE = ("a:1", "b:2")


def job(home, name="train"):
    scratch = home / "scratch" / name
    scratch.mkdir(parents=True)
    return TrainingJob(
        examples=Examples(path=home, splits=()),
        schema=Schema(path=home),
        params=TrainParams(epochs=7),
        out=home / "out",
        scratch=scratch,
    )


def test_workers_find_the_call_for_them_as_long_as_it_lasts(tmp_path):
    mine = job(tmp_path)
    assert find_call(tmp_path, HERE) is None
    with calling(mine, HERE):
        found = find_call(tmp_path, HERE)
        assert (found.job, found.addresses) == (mine, HERE)
        assert find_call(tmp_path, ("a:1",)) is None
    assert find_call(tmp_path, HERE) is None
    assert list(mine.scratch.iterdir()) == []


def test_each_attempt_is_another_call(tmp_path):
    mine, ids = job(tmp_path), set()
    for _ in range(2):
        with calling(mine, HERE):
            ids.add(find_call(tmp_path, HERE).id)
    assert len(ids) == 2


def test_a_call_that_cannot_be_read_yet_hides_no_other(tmp_path):
    (job(tmp_path, "a").scratch / "call.json").write_text("{")
    with calling(job(tmp_path, "b"), HERE):
        assert find_call(tmp_path, HERE).addresses == HERE
