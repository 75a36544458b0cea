"""What algo-service and its worker can be told; the variable's name is the field's, in capitals."""

from __future__ import annotations

import ssl
from typing import Literal

from pydantic import Field, SecretStr

from voicehelper_common import Settings

from .formats import Limits


class AlgoSettings(Settings):
    """Names and defaults are those of `voicehelper-config` and `voicehelper-secrets`, where these have them."""

    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    max_request_bytes: int = Field(101 * 2**20, ge=1024, description="longest request body in bytes: a document and what its form adds")
    request_timeout: float = Field(60, gt=0, le=3600, description="seconds until the answer must have begun; then 408 or 504")

    # PostgreSQL: users, documents, jobs, the text of every chunk
    postgres_host: str = Field("postgres-master", description="host of the leader")
    postgres_port: int = Field(5432, ge=1, le=65535)
    postgres_db: str = "voicehelper"
    postgres_user: str = "voicehelper"
    postgres_password: SecretStr = SecretStr("")
    postgres_tls: bool = Field(True, description="TLS with a certificate that the site's CA signed")
    postgres_pool: int = Field(4, ge=2, le=100, description="connections of this process at most")

    # Redis: conversations and cache
    redis_host: str = "redis"
    redis_port: int = Field(6379, ge=1, le=65535)
    redis_user: str = "voicehelper"
    redis_password: SecretStr = SecretStr("")
    redis_tls: bool = True
    redis_cluster: bool = Field(True, description="a client of Redis Cluster; false: of a single server")
    conversation_days: int = Field(90, ge=1, description="days after which a conversation that nobody continued is removed")

    # MinIO: documents as they came
    minio_endpoint: str = Field("minio-client:9000", description="host and port")
    minio_secure: bool = True
    minio_access_key: str = "voicehelper"
    minio_secret_key: SecretStr = SecretStr("")
    minio_bucket: str = "voicehelper-data"

    # Neo4j: documents, chunks, and the entities that these name
    neo4j_uri: str = "bolt+s://neo4j:7687"
    neo4j_user: str = "voicehelper"
    neo4j_password: SecretStr = SecretStr("")
    neo4j_database: str = "neo4j"
    enable_graph_rag: bool = Field(True, description="whether the graph adds to what is found")

    # Elasticsearch: full text
    elasticsearch_url: str = "https://elasticsearch:9200"
    elasticsearch_user: str = "voicehelper"
    elasticsearch_password: SecretStr = SecretStr("")
    elasticsearch_index: str = Field("voicehelper-documents", pattern=r"^[a-z0-9][a-z0-9._-]*$")

    # Messaging: events, jobs, status
    kafka_brokers: str = Field("kafka-0.kafka:9092", description="addresses with commas between them")
    kafka_security_protocol: Literal["SASL_SSL", "SSL", "PLAINTEXT"] = "SASL_SSL"
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256"] = "SCRAM-SHA-512"
    kafka_user: str = "voicehelper"
    kafka_password: SecretStr = SecretStr("")
    kafka_topic: str = Field("voicehelper.documents", description="topic of events about documents")
    rabbitmq_url: str = Field("amqps://rabbitmq:5672/voicehelper", description="without user and password")
    rabbitmq_user: str = "voicehelper"
    rabbitmq_password: SecretStr = SecretStr("")
    rabbitmq_exchange: str = "tasks"
    rabbitmq_queue: str = "tasks.ingestion"
    nats_url: str = "tls://nats:4222"
    nats_user: str = "voicehelper"
    nats_password: SecretStr = SecretStr("")
    nats_subject: str = Field("voice.events.documents", description="status events go to <this>.<document id>")

    # AI tier
    bge_service_url: str = "http://bge-service:8080"
    bge_model_name: str = Field("BAAI/bge-large-zh-v1.5", description="names the cache of embeddings")
    bge_batch_size: int = Field(32, ge=1, le=100, description="chunks embedded at once")
    query_instruction: str = Field("", description="put before a question that is embedded, as some models want it")
    faiss_service_url: str = "http://faiss-client:8081"
    faiss_nprobe: int = Field(10, ge=1)
    llm_url: str = Field("http://llm-proxy:4000/v1", description="base URL of an OpenAI-compatible API")
    llm_model: str = Field("assistant", description="model's name there")
    llm_api_key: SecretStr = SecretStr("")
    llm_timeout: float = Field(120, gt=0, description="seconds of silence after which an answer is given up")
    answer_tokens: int = Field(256, ge=1, description="longest answer")
    context_tokens: int = Field(1000, ge=100, description="of documents in the prompt, at most")
    history_tokens: int = Field(300, ge=0, description="of the conversation so far in the prompt, at most")
    speech_url: str = Field("ws://speech-service:8002/stream", description="WebSocket of speech to text")
    tts_url: str = Field(
        "http://tts-service:8003/stream", description="where text to speech takes a text; …/synthesize of one that does not stream"
    )
    voice_streams: int = Field(20, ge=1, description="spoken conversations of one process at once")
    voice_streams_per_user: int = Field(2, ge=1, description="of these, one user's")
    voice_idle: float = Field(300, gt=0, description="seconds after which a spoken conversation ends in which nothing is said")

    # Documents
    max_upload_size: int = Field(100 * 2**20, ge=1024, description="bytes of one upload")
    max_document_text: int = Field(10_000_000, ge=1000, description="characters of text that one document may hold")
    archive_entries: int = Field(500, ge=1, description="files in one archive")
    archive_size: int = Field(200 * 2**20, ge=1024, description="bytes of an archive, unpacked")
    archive_ratio: int = Field(100, ge=2, description="times that a file in an archive may grow")
    chunk_tokens: int = Field(240, ge=20, le=8192, description="longest chunk; models here see 256 to 512")
    chunk_overlap: int = Field(40, ge=0, description="tokens that a chunk repeats of the one before")
    extract_memory: int = Field(1024 * 2**20, description="bytes of address space of the process that reads a document")
    extract_seconds: int = Field(120, ge=1, description="processor seconds of the same")
    uploads_at_once: int = Field(4, ge=1, description="uploads that one process takes at the same time; more get 429")

    # Jobs
    job_patience: float = Field(600, ge=1, description="seconds in which a job is tried again before its message goes back")
    job_attempts: int = Field(20, ge=1, description="deliveries after which a job is given up; one that removes a document never is")
    stale_after: float = Field(600, ge=1, description="seconds after which a job that nobody works at is queued again, then ever more")

    # The first operator, so that somebody can make users. Its password is kept as declared here.
    operator_username: str = "operator"
    operator_password: SecretStr = SecretStr("")

    @property
    def limits(self) -> Limits:
        """What one document may take."""
        return Limits(
            self.archive_entries, self.archive_size, self.archive_ratio, self.max_document_text, self.extract_memory, self.extract_seconds
        )

    def trust(self) -> ssl.SSLContext:
        """A TLS context that trusts the site's CA: OpenSSL reads SSL_CERT_FILE."""
        return ssl.create_default_context()
