import pytest

from voicehelper_common.masking import mask, mask_value


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to li.wei+x@mail.example.cn now", "write to <email> now"),
        ("call 13812345678 or +86 138 1234 5678", "call <phone> or <phone>"),
        ("call 010-62345678", "call <phone>"),
        ("call +1 (415) 555-2671", "call <phone>"),
        ("打电话13812345678给我", "打电话<phone>给我"),
        ("身份证11010519491231002X。", "身份证<id>。"),
        ("ssn 078-05-1120", "ssn <id>"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer <credential>"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "<token>"),
    ],
)
def test_personal_data_is_masked(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text", ["took 1381.2345678 s", "trace 4bf92f3577b34da6a3ce929d0e0e4736", "2026-11-29T21:00:00", "10.244.1.17:8080", "v1.36.4"]
)
def test_what_is_none_stays(text):
    assert mask(text) == text


def test_a_field_named_as_a_credential_is_masked_wholly():
    assert mask_value("extra", {"api_key": "x", "n": 1, "mails": ["a@b.cn"]}) == {"api_key": "<credential>", "n": 1, "mails": ["<email>"]}
