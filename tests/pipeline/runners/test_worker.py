"""What is sent to a worker and back keeps what it is, though the main program defines it."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys

from slipline.pipeline.runners.worker import answer, pickled

MAIN = """
import dataclasses, pickle, subprocess, sys
from slipline.pipeline.runners.worker import pickled

@dataclasses.dataclass(frozen=True, kw_only=True)
class Own:
    number: int
    several: tuple = dataclasses.field(default_factory=tuple)

    def twice(self):
        return 2 * self.number

before = dict(vars(Own))
back = '''
import dataclasses, pickle, sys
from slipline.pipeline.runners.worker import answer
got = pickle.loads(sys.stdin.buffer.read())
later = dataclasses.replace(got, number=got.twice())
assert all(field.default is dataclasses.MISSING for field in dataclasses.fields(got))
sys.stdout.buffer.write(answer({"made": later, "kind": type(later)}))
'''
sent = pickled(Own(number=4))
told = pickle.loads(subprocess.run([sys.executable, "-c", back], input=sent, stdout=subprocess.PIPE, check=True).stdout)
assert told == {"made": Own(number=8), "kind": Own}, told
assert {name: vars(Own)[name] for name in before} == before  # pickle itself adds a note of slots
"""


def test_a_class_of_the_main_program_works_in_the_worker_and_comes_back_as_the_one_there_is() -> None:
    ran = subprocess.run([sys.executable, "-c", MAIN], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_mark_of_a_field_without_a_default_stays_that_mark() -> None:
    for written in (pickled(dataclasses.MISSING), answer(dataclasses.MISSING)):
        assert pickle.loads(written) is dataclasses.MISSING


def test_a_worker_begins_without_what_only_its_parent_needs() -> None:
    code = (
        "import slipline.pipeline.runners.worker, sys; "
        "print(sorted({'sqlalchemy', 'pydantic', 'numpy', 'click', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
