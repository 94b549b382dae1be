import pytest

from domain.kernel.errors import ErrorCode


@pytest.mark.parametrize("code", list(ErrorCode), ids=lambda code: code.value)
def test_every_code_has_a_sentence_and_a_status_in_each_dialect(code: ErrorCode) -> None:
    assert code.value == code.name
    assert code.meaning[0].isupper()
    assert code.meaning.endswith(".")
    assert 400 <= code.api_v1 < 600
    assert 400 <= code.v1 < 600
