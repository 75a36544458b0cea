"""MinIO: every document as it came, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from .failures import calling
from .settings import AlgoSettings

PART = 8 * 2**20  # bytes in memory at once


def _asking() -> AbstractContextManager[None]:
    return calling("minio", BotoCoreError, ClientError)


class Blobs:
    """Objects `documents/<id>` of the bucket. Use as an async context manager; its errors come as `Unavailable`."""

    def __init__(self, settings: AlgoSettings) -> None:
        self._settings = settings
        self._open = AsyncExitStack()
        self._client: Any = None

    async def __aenter__(self) -> Blobs:
        settings = self._settings
        config = AioConfig(
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path"},
            max_pool_connections=8,
        )
        client = get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=f"{'https' if settings.minio_secure else 'http'}://{settings.minio_endpoint}",
            aws_access_key_id=settings.minio_access_key,
            aws_secret_access_key=settings.minio_secret_key.get_secret_value(),
            config=config,
        )
        self._client = await self._open.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def put(self, document_id: UUID, file: BinaryIO, size: int, content_type: str) -> None:
        """Keep the `size` bytes of a file from where it stands; MinIO has them on its drives when this returns."""
        where = {"Bucket": self._settings.minio_bucket, "Key": _key(document_id)}
        with _asking():
            if size <= PART:
                await self._client.put_object(**where, Body=file.read(), ContentType=content_type)
                return
            upload = await self._client.create_multipart_upload(**where, ContentType=content_type)
            part = where | {"UploadId": upload["UploadId"]}
            try:
                tags = []
                while piece := file.read(PART):
                    answer = await self._client.upload_part(**part, PartNumber=len(tags) + 1, Body=piece)
                    tags.append({"ETag": answer["ETag"], "PartNumber": len(tags) + 1})
                await self._client.complete_multipart_upload(**part, MultipartUpload={"Parts": tags})
            except BaseException:
                await self._client.abort_multipart_upload(**part)
                raise

    async def read(self, document_id: UUID) -> AsyncIterator[bytes]:
        """The bytes of a document, in pieces."""
        with _asking():
            answer = await self._client.get_object(Bucket=self._settings.minio_bucket, Key=_key(document_id))
            async with answer["Body"] as body:
                async for piece in body.iter_chunks(1 << 16):
                    yield piece

    async def fetch(self, document_id: UUID, path: Path) -> None:
        """Write the bytes of a document to `path`."""
        with path.open("wb") as file:
            async for piece in self.read(document_id):
                file.write(piece)

    async def remove(self, document_id: UUID) -> None:
        """Remove a document; no error where there is none. The bucket keeps what was removed for as long as it is set to."""
        with _asking():
            await self._client.delete_object(Bucket=self._settings.minio_bucket, Key=_key(document_id))


def _key(document_id: UUID) -> str:
    return f"documents/{document_id}"
