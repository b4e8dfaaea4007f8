"""Servers come from a person's configuration only, and a slip in it is named without showing the secret."""

import pytest

from fer_core.errors import ConfigError
from fer_core.inference.ice import parse_ice_servers


def test_json_and_plain_values_are_read_alike():
    expected = [
        {"urls": ["stun:stun.example.org:3478"]},
        {"urls": ["turn:a.example:3478?transport=tcp"], "username": "me", "credential": "s3cret"},
    ]
    plain = [
        {"urls": "stun:stun.example.org:3478"},
        {"urls": ["turn:a.example:3478?transport=tcp"], "username": "me", "credential": "s3cret"},
    ]
    text = (
        '[{"urls": "stun:stun.example.org:3478"}, {"urls": ["turn:a.example:3478?transport=tcp"], '
        '"username": "me", "credential": "s3cret"}]'
    )
    assert parse_ice_servers(plain, source="x") == expected
    assert parse_ice_servers(text, source="x") == expected
    assert parse_ice_servers([], source="x") == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("stun:stun.example.org", "FER_ICE_SERVERS is no JSON"),
        ('{"urls": "stun:a.example:1"}', "is a dict; expected a list"),
        (17, "is a int; expected a list"),
        (["stun:a.example:1"], "server 1 is a str; expected a table"),
        ([{}], "server 1 lacks urls"),
        ([{"urls": []}], "server 1 lacks urls"),
        ([{"urls": "https://a.example"}], "has the url 'https://a.example'; expected stun:"),
        ([{"urls": "stun:a.example:1"}, {"urls": [5]}], "server 2 has the url 5"),
        ([{"urls": "stun:a.example:1", "password": "p"}], "has password; expected urls, username"),
        ([{"urls": "turn:a.example:1"}], "without username and credential"),
        ([{"urls": "turn:a.example:1", "username": "me", "credential": 5}], "must be text"),
    ],
)
def test_slips_are_named(value, message):
    with pytest.raises(ConfigError, match=message):
        parse_ice_servers(value, source="FER_ICE_SERVERS")


def test_messages_keep_the_secret():
    with pytest.raises(ConfigError) as caught:
        parse_ice_servers(
            [{"urls": "nonsense", "username": "me", "credential": "s3cret"}], source="FER_ICE_SERVERS"
        )
    assert "s3cret" not in str(caught.value)
