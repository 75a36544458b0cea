"""The comparison of renderings tells what differs, and nothing of hashes and of what the API server adds."""

from __future__ import annotations

import pytest

from tests.render import compare


def item(name="redis", **fields):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "storage"}, **fields}


def objects(*items):
    return {compare.label(entry): compare.masked(entry) for entry in items}


def test_a_changed_field_is_shown_with_its_object():
    (found,) = compare.differences(objects(item(spec={"a": 1}), item("nats")), objects(item(spec={"a": 2}), item("nats")))
    assert "v1 Service storage/redis" in found and "-  a: 1\n+  a: 2" in found


@pytest.mark.parametrize("sides", [(objects(item()), {}), ({}, objects(item()))], ids=["missing", "new"])
def test_an_object_on_one_side_alone_differs(sides):
    assert len(list(compare.differences(*sides))) == 1


def test_hashes_of_annotations_are_masked_and_nothing_else():
    first, second = ({"annotations": {"v/configuration": digit * 64, "v/size": digit}} for digit in "ab")
    (found,) = compare.differences(objects(item(template=first)), objects(item(template=second)))
    assert "configuration: (hash)" in found and "+    v/size: b" in found and "a" * 64 not in found
    assert len(list(compare.differences(objects(item(data={"x": "a" * 64})), objects(item(data={"x": "b" * 64}))))) == 1


def test_when_a_bootstrap_token_ends_is_no_difference():
    first, second = (item(type="bootstrap.kubernetes.io/token", data={"expiration": end, "token-id": "x"}) for end in ("a", "b"))
    assert list(compare.differences(objects(first), objects(second))) == []


def test_what_the_api_server_adds_or_drops_is_no_difference():
    before = item(spec={"ports": [{"port": 80}], "egress": []})
    after = item(spec={"ports": [{"port": 80, "protocol": "TCP"}]})
    assert list(compare.differences(objects(before), objects(after))) == []
    assert list(compare.differences(objects(before), objects(item(spec={"ports": [{"port": 80, "protocol": "UDP"}]}))))


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"lab": objects(item())}, {"lab": objects(item())}, 0),
        ({"lab": objects(item(a=1))}, {"lab": objects(item(a=2))}, 1),
        ({"lab": {}}, {"lab": {}}, 1),  # nothing was compared
        ({}, {}, 1),
        ({"lab": objects(item())}, {}, 1),
    ],
    ids=["alike", "different", "no objects", "no sites", "a site less"],
)
def test_only_renderings_that_are_there_and_alike_pass(before, after, code, capsys):
    assert compare.judge(before, after) == code
    assert all(f"{name}: {len(found)} objects before" in capsys.readouterr().out for name, found in before.items())


RENDERING = """
from types import SimpleNamespace

SITES, BUNDLES = ["lab"], [SimpleNamespace(role="redis")]
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "whose"}, "data": {"tree": __file__}}


class Site:
    def __init__(self, name, loader, state):
        self.changed = lambda **_: self
        self.value = lambda _: ["redis"]
        self.documents = lambda _: [OBJECT]


def controller(state):
    return None
"""


def test_a_tree_is_rendered_by_its_own_code(tmp_path):
    for name, text in {"tests/render/rendering.py": RENDERING, "group_vars/all/modes.yml": "deploy_modes: {full: [redis]}\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    ((found,),) = (site.values() for site in compare.objects_of(tmp_path, tmp_path, []).values())
    assert found["data"]["tree"] == str(tmp_path / "tests/render/rendering.py")
