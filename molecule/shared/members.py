"""What holds for the members of every data system: a system's tests inherit it, and say in SELECTOR which pods are its members."""

NAMESPACE = "voicehelper-storage"


class Kept:
    """The data of every member outlives its claim."""

    def test_volumes_outlive_their_claims(self, objects, pods):
        claimed = {f"data-{pod['metadata']['name']}" for pod in pods}
        volumes = {volume["spec"].get("claimRef", {}).get("name"): volume["spec"] for volume in objects("persistentvolumes")}
        assert {volumes[name]["persistentVolumeReclaimPolicy"] for name in claimed} == {"Retain"}


class Members(Kept):
    """Moreover each has a node for itself."""

    def test_no_two_members_share_a_node(self, pods):
        assert len({pod["spec"]["nodeName"] for pod in pods}) == len(pods)
