"""One member of RabbitMQ keeps a name that all others wait for when they start or stop: they do both, by themselves."""

from __future__ import annotations

import pytest

from tests.chaos.cluster import kubectl, members, objects, replaced, wait

pytestmark = pytest.mark.long

WORKLOAD, KEEPER, STARTED = "rabbitmq", "rabbitmq-0", "rabbitmq-1"
NAME = "{rabbit_ff_controller, global}"
SECONDS = 240


def erlang(expression: str) -> str:
    """What an expression gives on the member that keeps the name."""
    return kubectl("exec", KEEPER, "--", "rabbitmqctl", "--quiet", "eval", f"{expression}.").strip()


@pytest.mark.parametrize("how", [[], ["--grace-period=0", "--force"]], ids=["stops", "starts"])
def test_a_member_goes_on_though_another_keeps_the_name_that_it_waits_for(how):
    wanted = len(members(WORKLOAD))
    assert erlang(f"global:register_name({NAME}, whereis(rabbit_ff_controller))") == "yes"
    try:
        (old,) = objects("pod", STARTED)
        kubectl("delete", "pod", STARTED, *how, seconds=240)
        wait(lambda: replaced(WORKLOAD, {old["metadata"]["uid"]}, wanted), SECONDS, f"{STARTED} is ready", pause=2)
        assert erlang(f"global:whereis_name({NAME})") == "undefined"
    finally:
        erlang(f"global:unregister_name({NAME})")
    (pod,) = objects("pod", STARTED)
    assert [status["restartCount"] for status in pod["status"]["containerStatuses"]] == [0]
