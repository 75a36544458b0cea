"""`python -m llm_proxy`: read the rules, make LiteLLM's configuration of them, serve until SIGTERM."""

import os
import sys
from pathlib import Path

import yaml

from voicehelper_common import read_settings, serve

from .config import config
from .settings import LEAST_KEY, RulesError, Settings, read_rules

settings = read_settings(Settings)
master_key = settings.master_key.get_secret_value()
if len(master_key) < LEAST_KEY:
    sys.exit(f"MASTER_KEY: found {len(master_key)} characters, wanted {LEAST_KEY} or more")
try:
    rules = read_rules(settings.rules)
    folder = Path(settings.work)
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "config.yaml"
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

# Only now: it reads these when it is imported.
from .accounts import accounts  # noqa: E402
from .app import make  # noqa: E402

accounts.rules = rules
serve(make(settings))
