"""Whether the kernel filters packets by our rules."""

from __future__ import annotations

from ansible.module_utils.node.probe.software import output_lines

NFT = "/usr/sbin/nft"
MEANING = f'{NFT} -f "$1" && {NFT} --stateless list ruleset'


def in_force(rules: str) -> bool:
    """Whether the table that the file `rules` makes is the one in the kernel: loaded into an empty network namespace it lists alike."""
    meant = output_lines("unshare", "--net", "sh", "-c", MEANING, "sh", rules)
    if not meant:
        return False
    table = meant[0].removesuffix(" {").split()[1:]
    return output_lines(NFT, "--stateless", "list", "table", *table) == meant
