#!/usr/bin/python
"""Start pulling images without waiting for them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_prefetch
short_description: Start pulling images without waiting for them
description:
  - Images that the node lacks are pulled one after another by a transient systemd unit, while the run goes on.
  - A pull that fails costs nothing; the kubelet pulls again when it needs the image.
options:
  images: {description: Image references., type: list, elements: str, required: true}
author: VoiceHelper
"""

RETURN = r"""
missing: {description: The images that were not there., type: list, returned: always}
"""

import json

from ansible.module_utils.basic import AnsibleModule

UNIT = "voicehelper-image-prefetch"


def present(module, image: str) -> bool:
    """True when the runtime has the image of this digest; where none is given, one under this tag."""
    digest = image.partition("@")[2]
    if digest:
        return any(name.endswith(f"@{digest}") for known in module.images for name in known["repoDigests"])
    return any(image in known["repoTags"] for known in module.images)


def main():
    module = AnsibleModule(argument_spec={"images": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True)
    crictl = module.get_bin_path("crictl", required=True, opt_dirs=["/usr/local/bin"])
    _, out, _ = module.run_command([crictl, "images", "--output", "json"], check_rc=True)
    module.images = json.loads(out)["images"] or []
    missing = [image for image in module.params["images"] if not present(module, image)]
    if missing and not module.check_mode:
        pulls = "; ".join(f"{crictl} pull {image}" for image in missing)
        # A unit of the same name that still pulls is left to its work.
        module.run_command(["systemd-run", "--collect", f"--unit={UNIT}", "--nice=5", "/bin/sh", "-c", pulls])
    module.exit_json(changed=False, missing=missing)


if __name__ == "__main__":
    main()
