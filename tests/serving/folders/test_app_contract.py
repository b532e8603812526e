import json
from pathlib import Path

import pytest

from slipline.serving.folders.app_contract import class_names


@pytest.mark.parametrize("contract", [None, "", "[]", "{}", '{"labels": 3}', '{"labels": ["a"]}', '{"labels": "ab"}'])
def test_classes_go_by_their_numbers_where_no_contract_names_them_all(tmp_path: Path, contract: str | None) -> None:
    if contract is not None:
        (tmp_path / "exports").mkdir()
        (tmp_path / "exports" / "contract.json").write_text(contract)
    assert class_names(tmp_path, 2) == ("0", "1")


def test_classes_are_called_as_the_contract_says(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "contract.json").write_text(json.dumps({"labels": ["a", "b"]}))
    assert class_names(tmp_path, 2) == ("a", "b")
