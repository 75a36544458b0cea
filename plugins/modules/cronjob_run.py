"""Documentation of the action plugin cronjob_run."""

DOCUMENTATION = r"""
module: cronjob_run
short_description: Run a CronJob now and wait for its end
description:
  - Makes a Job from a CronJob, as its schedule would, and follows it. The newest line of the running container is shown as progress.
    A run that the schedule has just begun is joined instead.
  - A suspended CronJob is a model for such Jobs and nothing else.
  - In check mode no Job is made.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  namespace: {description: Namespace of the CronJob., type: str, required: true}
  cronjob: {description: Its name., type: str, required: true}
  timeout: {description: Seconds to wait for the end., type: int, default: 3600}
  judge: {description: Fail when the Job does. Otherwise that is one of the findings., type: bool, default: true}
  required: {description: Fail when there is no such CronJob. Otherwise C(present) says so., type: bool, default: true}
  first: {description: Run it only when it has never succeeded., type: bool, default: false}
author: VoiceHelper
"""

EXAMPLES = r"""
- cronjob_run:
    namespace: voicehelper-storage
    cronjob: redis-backup
"""

RETURN = r"""
present: {description: Whether there is such a CronJob., type: bool, returned: always}
job: {description: Name of the Job., type: str, returned: when one ran}
seconds: {description: How long it took., type: float, returned: when one ran}
lines: {description: "The last lines of its last container.", type: list, elements: str, returned: always}
result: {description: "The last of them that is a JSON object; empty when none is.", type: dict, returned: always}
findings:
  description: C(findings) of the result, and one on the run itself, each with C(system), C(check), C(ok) and C(found).
  type: list
  elements: dict
  returned: always
"""
