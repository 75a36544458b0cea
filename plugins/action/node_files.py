"""Controller side of node_files: renders the templates, sends everything in one module call."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

SHARED_TEMPLATES = str(Path(__file__).parents[2] / "templates")

FILE_KEYS = ("path", "content", "mode", "owner", "group", "sensitive", "restarts", "trial")


class ActionModule(ActionBase):
    """Turn `template` entries into `content` entries with the searching rules of ansible.builtin.template."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        arguments["files"] = [self._rendered(entry, task_vars) for item in arguments.get("files") or [] for entry in self._entries(item)]
        return self._execute_module(module_name="node_files", module_args=arguments, task_vars=task_vars)

    @staticmethod
    def _entries(item):
        """An entry with `each: [a, b]` stands for one file per element, named by `{each}` in its path."""
        if "each" not in item:
            return [dict(item)]
        return [{**item, "each": value, "path": item["path"].replace("{each}", str(value))} for value in item["each"]]

    def _rendered(self, item, task_vars):
        if ("template" in item) == ("content" in item):
            raise AnsibleActionFail(f"{item.get('path')}: wanted exactly one of `template` and `content`")
        if "template" in item:  # the template sees its whole entry as `item`
            source = self._find_needle("templates", item.pop("template"))
            text = trust_as_template(self._loader.get_text_file_contents(source))
            templar = self._templar.copy_with_new_env(
                searchpath=[str(Path(source).parent), SHARED_TEMPLATES], available_variables={**task_vars, "item": item}
            )
            item["content"] = templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})
            if not isinstance(item["content"], str):  # a rendered JSON or number stays the text it was
                raise AnsibleActionFail(f"{source}: rendered to {type(item['content']).__name__}, wanted text")
        return {key: value for key, value in item.items() if key in FILE_KEYS}
