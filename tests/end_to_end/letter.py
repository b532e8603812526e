from dataclasses import dataclass
from pathlib import Path

from slipline.pipeline import Artifact, Pipeline, Verdict, component


@dataclass(frozen=True, kw_only=True)
class Words(Artifact):
    count: int


@component(reads=lambda text: [text])
def count_words(text: Path, out: Path) -> Words:
    return Words(path=out, count=len(text.read_text().split()))


@component
def check_length(words: Words, most: int, out: Path) -> Verdict:
    passed = words.count <= most
    return Verdict(path=out, passed=passed, reasons=() if passed else (f"{words.count} words, at most {most}",))


flow = Pipeline("letter")
words = flow.add(count_words, text=Path("letter.txt"))
flow.add(check_length, words=words, most=5)
