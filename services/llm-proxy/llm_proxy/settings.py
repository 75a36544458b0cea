"""Settings: the process's from the environment, the rules (models, keys, budgets) from one file, every secret from the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from voicehelper_common import Settings as Common
from voicehelper_common.errors import explain

LEAST_KEY = 16  # characters of a key or of the master key

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Settings(Common):
    """Beside the common ones; the variable's name is the field's, in capitals."""

    port: int = Field(4000, ge=1, le=65535, description="port to listen on")
    request_timeout: float = Field(300, gt=0, le=3600, description="seconds until the answer must have begun; then 408 or 504")
    rules: str = Field("/etc/llm-proxy/rules.yml", description="file of the models, fallbacks, keys, budgets and limits")
    master_key: SecretStr = Field(SecretStr(""), description="key that may use every model without a limit; 16 characters or more")
    work: str = Field("/tmp/llm-proxy", description="folder for what is made from the rules, without secrets")


class RulesError(Exception):
    """The rules cannot be read; the text names the place, what is there and what is wanted."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Budget(_Strict):
    """Costs that may be made in a window of time. It is looked at before a request: those that run may pass it."""

    max: Annotated[float, Field(gt=0)]  # in the unit of the models' costs
    window: Annotated[str, Field(pattern=r"^[1-9][0-9]*[smhd]$")]  # 30s, 15m, 1h, 1d

    @property
    def seconds(self) -> int:
        """Length of the window."""
        return int(self.window[:-1]) * _SECONDS[self.window[-1]]


class Model(_Strict):
    """A model as clients name it, at one provider. Several of one name share its requests."""

    name: Name
    model: Annotated[str, Field(min_length=3)]  # LiteLLM's provider/model
    api_base: str | None = None
    key_variable: Variable | None = None  # where the provider's key is
    rpm: Annotated[int, Field(ge=1)] | None = None
    tpm: Annotated[int, Field(ge=1)] | None = None
    input_cost_per_token: Annotated[float, Field(ge=0)] | None = None
    output_cost_per_token: Annotated[float, Field(ge=0)] | None = None
    budget: Budget | None = None
    parameters: dict[str, Any] = {}  # further ones of LiteLLM


class Key(_Strict):
    """A client: its key, what it may use, and how much of it."""

    name: Name
    key_variable: Variable
    models: Annotated[list[str], Field(min_length=1)]  # or ["*"]
    rpm: Annotated[int, Field(ge=1)] | None = None
    tpm: Annotated[int, Field(ge=1)] | None = None
    parallel: Annotated[int, Field(ge=1)] | None = None
    budget: Budget | None = None

    @property
    def secret(self) -> str:
        """What the client sends."""
        return os.environ[self.key_variable]


class RedisNode(_Strict):
    """A member of the cluster."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 6379


class Redis(_Strict):
    """A Redis Cluster that all replicas count in. Without it each counts alone, and a limit holds for each of them."""

    nodes: Annotated[list[RedisNode], Field(min_length=1)]
    username: str | None = None
    password_variable: Variable | None = None
    tls: bool = True
    ca: str | None = None  # file


class Rules(_Strict):
    """The file of the rules."""

    models: Annotated[list[Model], Field(min_length=1)]
    keys: list[Key] = []
    fallbacks: dict[str, Annotated[list[str], Field(min_length=1)]] = {}  # a model → those that are tried when it fails
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    timeout: Annotated[float, Field(gt=0)] = 120  # seconds
    redis: Redis | None = None

    @field_validator("keys")
    @classmethod
    def _one_of_a_name(cls, keys: list[Key]) -> list[Key]:
        if len({key.name for key in keys}) < len(keys):
            raise ValueError("every key under a name of its own")
        return keys

    @model_validator(mode="after")
    def _known(self) -> Rules:
        known = {model.name for model in self.models}
        wanted = {name for key in self.keys for name in key.models} - {"*"}
        wanted |= set(self.fallbacks) | {name for names in self.fallbacks.values() for name in names}
        if unknown := sorted(wanted - known):
            raise ValueError(f"models that are defined here, not {', '.join(unknown)}")
        return self

    def variables(self) -> set[str]:
        """Names of the variables that the rules name."""
        found = {model.key_variable for model in self.models} | {key.key_variable for key in self.keys}
        return {name for name in found | {self.redis and self.redis.password_variable} if name}


def read_rules(path: str) -> Rules:
    """The rules in a file, with all variables that they name.

    Raises:
        RulesError: the file or a variable is missing, or wrong.
    """
    try:
        rules = Rules.model_validate(yaml.safe_load(Path(path).read_text()))
    except OSError as error:
        raise RulesError(f"RULES {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise RulesError(f"RULES {path}: not YAML ({' '.join(str(error).split())})") from error
    except ValidationError as error:
        raise RulesError("\n".join(f"RULES {path}: {explain(one)['message']}" for one in error.errors())) from error
    if missing := sorted(name for name in rules.variables() if not os.environ.get(name)):
        raise RulesError(f"RULES {path}: the variables {', '.join(missing)} are not set")
    if short := [key.name for key in rules.keys if len(key.secret) < LEAST_KEY]:
        raise RulesError(f"keys of {', '.join(short)}: fewer than {LEAST_KEY} characters")
    if len({key.secret for key in rules.keys}) < len(rules.keys):
        raise RulesError("keys: two clients have the same one")
    return rules
