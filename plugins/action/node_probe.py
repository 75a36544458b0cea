"""Controller side of node_probe: compares the node's clock with the controller's."""

from __future__ import annotations

import time

from bootstrap.ansible import ControllerAction


class ActionModule(ControllerAction):
    """The node's clock is read between two looks at ours, so that a slow node or network never counts as a wrong clock."""

    _requires_connection = True

    def execute(self, arguments, task_vars):
        before = time.time()
        result = self._execute_module(module_name="node_probe", module_args=arguments, task_vars=task_vars)
        after = time.time()
        if "clock" in result:
            result["clock_offset"] = round(self.offset(before, *result["clock"], after), 1)
        return result

    @staticmethod
    def offset(before: float, began: float, ended: float, after: float) -> float:
        """Least seconds by which the node's clock must be ahead of ours (behind, when negative); 0 when the two may agree."""
        return max(ended - after, 0.0) or min(began - before, 0.0)
