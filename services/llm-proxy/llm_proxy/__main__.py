"""`python -m llm_proxy`: read the rules, make LiteLLM's configuration of them, serve until SIGTERM."""

import os
import sys
from pathlib import Path

import yaml

from voicehelper_common import read_settings, serve

from .config import config
from .settings import LEAST_KEY, Rules, RulesError, Settings, read_rules


def prepare(settings: Settings) -> Rules:
    """The rules, with LiteLLM's configuration written and its environment set. Raises SystemExit with what is wrong."""
    master_key = settings.master_key.get_secret_value()
    if len(master_key) < LEAST_KEY:
        sys.exit(f"MASTER_KEY: found {len(master_key)} characters, wanted {LEAST_KEY} or more")
    try:
        rules = read_rules(settings.rules)
        made = Path(settings.work, "config.yaml")
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(yaml.safe_dump(config(rules), sort_keys=False))
    except (RulesError, OSError) as error:
        sys.exit(str(error))
    os.environ |= {
        "CONFIG_FILE_PATH": str(made),
        "LITELLM_MASTER_KEY": master_key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # nothing is fetched at the start
        "LITELLM_MODE": "PRODUCTION",  # no .env file is read
        "LITELLM_LOG": os.environ.get("LITELLM_LOG", "WARNING"),
        "DISABLE_ADMIN_UI": "True",
        "HF_HUB_OFFLINE": "1",
    }
    return rules


def main() -> None:
    """Run the service."""
    settings = read_settings(Settings)
    rules = prepare(settings)
    # LiteLLM reads its environment when it is imported, which takes a while: only now.
    from .accounts import accounts
    from .app import make

    accounts.rules = rules
    serve(make(settings))


main()
