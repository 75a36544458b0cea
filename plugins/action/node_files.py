"""Controller side of node_files: renders the templates, sends everything in one module call."""

from __future__ import annotations

from pathlib import Path

from ansible.template import trust_as_template

from bootstrap.ansible import ControllerAction
from bootstrap.errors import BootstrapError

SHARED_TEMPLATES = str(Path(__file__).parents[2] / "templates")

FILE_KEYS = ("path", "content", "mode", "owner", "group", "sensitive", "restarts", "reloads", "trial")


class ActionModule(ControllerAction):
    """Turn `template` entries into `content` entries with the searching rules of ansible.builtin.template."""

    _requires_connection = True

    def execute(self, arguments, task_vars):
        arguments["files"] = [self._rendered(entry, task_vars) for item in arguments["files"] for entry in self._entries(item)]
        return self._execute_module(module_name="node_files", module_args=arguments, task_vars=task_vars)

    @staticmethod
    def _entries(item):
        """An entry with `each: [a, b]` stands for one file per element, named by `{each}` in its path."""
        if item["each"] is None:
            return [item]
        return [{**item, "each": value, "path": item["path"].replace("{each}", str(value))} for value in item["each"]]

    def _rendered(self, item, task_vars):
        if (item["template"] is None) == (item["content"] is None):
            raise BootstrapError(f"{item['path']}: wanted exactly one of `template` and `content`")
        if item["template"] is not None:  # the template sees its whole entry as `item`
            source = self._find_needle("templates", item["template"])
            text = trust_as_template(self._loader.get_text_file_contents(source))
            templar = self._templar.copy_with_new_env(
                searchpath=[str(Path(source).parent), SHARED_TEMPLATES], available_variables={**task_vars, "item": item}
            )
            item["content"] = templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})
            if not isinstance(item["content"], str):  # a rendered JSON or number stays the text it was
                raise BootstrapError(f"{source}: rendered to {type(item['content']).__name__}, wanted text")
        return {key: value for key, value in item.items() if key in FILE_KEYS}
