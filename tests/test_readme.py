from pathlib import Path

import pytest

from domain.runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_readme_lists_every_setting_with_its_meaning(name: str) -> None:
    readme = (ROOT / "README.md").read_text()
    assert f"| `{name.upper()}` |" in readme
    assert str(Settings.model_fields[name].description) in readme
