"""What faiss-service can be told, beside what every service can."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from pydantic import Field, model_validator

from voicehelper_common import Settings
from voicehelper_common.cpus import usable_cpus

MOST_LISTS = 65536


class FaissSettings(Settings):
    """Settings of faiss-service; the names of `voicehelper-config` where it has them."""

    port: int = Field(8081, ge=1, le=65535, description="port to listen on")
    max_request_bytes: int = Field(32 * 2**20, ge=1024, description="longest request body in bytes; longer ones get 413 (not /restore)")
    data_path: Path = Field(Path("/data"), description="folder of the index, its log and nothing else")
    member: str = Field(socket.gethostname(), description="this pod's name; the number at its end is its ordinal, none is 0")
    member_url: str = Field("", description="base URL of a member, {} its ordinal; ordinal 0, which takes the writes, can be alone without")
    vector_dimension: int = Field(1024, ge=1, le=65536, description="numbers in a vector; what else comes gets 400")
    faiss_index_type: str = Field("IVF", pattern="^(IVF|Flat)$", description="IVF: in lists once there is enough to train on; Flat: exact")
    faiss_nlist: int = Field(100, ge=1, le=MOST_LISTS, description="lists of the trained index")
    faiss_nprobe: int = Field(10, ge=1, le=MOST_LISTS, description="lists that a search looks at where it does not say")
    train_at: int = Field(3900, ge=1, description="vectors from which on the index is trained; FAISS wants 39 a list")
    max_vectors: int = Field(1_000_000, ge=1, description="vectors that fit; beyond them 507")
    index_save_interval: float = Field(300, gt=0, description="seconds between snapshots, where something changed")
    waiting_requests: int = Field(256, ge=1, description="searches, and writes, that may wait; beyond them 429")
    max_restore_bytes: int = Field(16 * 2**30, ge=1024, description="longest snapshot that /restore takes")
    max_lag_seconds: float = Field(10, gt=0, description="a reader that is behind for longer is not ready")
    max_stale_seconds: float = Field(300, gt=0, description="a reader that has not heard of its writer for longer is not ready")
    take_back_seconds: float = Field(120, ge=0, description="seconds that a writer with an empty disk waits for the answers of all readers")
    threads: int = Field(usable_cpus(), ge=1, description="threads of a search; the container's CPUs")

    @property
    def ordinal(self) -> int:
        """The member's number among its like."""
        found = re.search(r"-(\d+)$", self.member)
        return int(found[1]) if found else 0

    @property
    def writes(self) -> bool:
        """Whether this member is the one that takes writes."""
        return self.ordinal == 0

    @model_validator(mode="after")
    def _whole(self) -> FaissSettings:
        if "{}" not in self.member_url and (self.member_url or not self.writes):
            raise ValueError(f"MEMBER_URL with {{}} for the ordinal, as this member is {self.member}")
        if self.train_at < self.faiss_nlist:
            raise ValueError(f"TRAIN_AT of at least FAISS_NLIST, {self.faiss_nlist}: a list has a vector at least")
        return self
