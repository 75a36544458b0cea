"""From a question to an answer: what is found by meaning, by words and by the graph, and what the model says of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

from prometheus_client import Counter, Histogram

from voicehelper_common import ApiError, span

from .failures import Unavailable
from .graph import Graph
from .memory import Memory, new_message
from .models import Generation, Models
from .prompt import messages
from .records import Caller, Records
from .settings import AlgoSettings
from .texts import Texts

_log = logging.getLogger(__name__)
_RANK_CONSTANT = 60  # of reciprocal rank fusion, as its authors chose it
_GRAPH_WEIGHT = 0.5  # what the graph finds is related, not necessarily an answer
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
stages = Histogram("query_stage_seconds", "Time of the stages of a query", ["stage"], buckets=_BUCKETS)
first_token = Histogram("query_first_token_seconds", "Time from a question to the first piece of its answer", buckets=_BUCKETS)
answered = Counter("queries_total", "Questions answered", ["finish_reason"])

T = TypeVar("T")


@dataclass
class Turn:
    """A question that is about to be answered."""

    request_id: str
    conversation_id: UUID
    message_id: str
    question: str
    owner: UUID
    sources: list[dict[str, Any]]
    prompt: list[dict[str, str]]
    began: float
    generation: Generation


class Answers:
    """Search and answers. Its methods raise ApiError for what a client is told before an answer begins."""

    def __init__(self, settings: AlgoSettings, records: Records, memory: Memory, texts: Texts, graph: Graph, models: Models) -> None:
        self._settings = settings
        self._records, self._memory, self._texts, self._graph, self._models = records, memory, texts, graph, models
        self._saving: set[asyncio.Task[Unavailable | None]] = set()

    async def __aenter__(self) -> Answers:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for conversations that are being written."""
        await asyncio.gather(*self._saving, return_exceptions=True)

    async def search(self, question: str, caller: Caller, most: int) -> list[dict[str, Any]]:
        """Up to `most` sources for a question, the best first; `score` is 1 for what every way of searching has first.

        What is found by one way alone is found: that one system is away costs its part of the ranking.

        Raises:
            Unavailable: neither meaning nor words can be asked.
        """
        wide = min(100, max(20, most * 4))  # others' documents are among them, and fall out below
        near, worded = await asyncio.gather(
            self._attempt("vectors", self._near(question, wide)), self._attempt("words", self._texts.search(question, caller, wide))
        )
        if isinstance(near, Unavailable) and isinstance(worded, Unavailable):
            raise near
        lists: list[tuple[float, list[str]]] = [(1.0, ids) for ids in (near, worded) if not isinstance(ids, Unavailable)]
        if self._settings.enable_graph_rag:
            hits = heads([ids for _, ids in lists], 3)
            related = await self._attempt("graph", self._graph.related(question, hits, caller.user_id, caller.operator, wide))
            if not isinstance(related, Unavailable):  # what is related to a hit does not pass it by that
                lists.append((_GRAPH_WEIGHT, list(dict.fromkeys([*hits, *related]))))
        ranked = fuse(lists)
        with stages.labels("texts").time():
            found = await self._records.texts([chunk for chunk, _ in ranked], caller)
        best = [(chunk, score) for chunk, score in ranked if chunk in found][:most]
        return [_source(chunk, score, found[chunk]) for chunk, score in best]

    async def prepare(self, question: str, caller: Caller, conversation_id: UUID | None, most: int, request_id: str) -> Turn:
        """All that is needed before the first word of an answer.

        Raises:
            ApiError: 404 no such conversation of the caller's.
            Unavailable: what is needed is away.
        """
        began = time.perf_counter()
        history: list[dict[str, Any]] = []
        if conversation_id is not None:
            known = await self._memory.history(conversation_id, caller.user_id, 20)
            if known is None:
                raise ApiError(404, "conversation_id", str(conversation_id), "a conversation of this user")
            history = known
        with span("search"):
            sources = await self.search(question, caller, most)
        prompt, told = messages(
            question,
            [(source["title"], source["text"]) for source in sources],
            [(message["role"], message["content"]) for message in history],
            self._settings.context_tokens,
            self._settings.history_tokens,
        )
        conversation = conversation_id or uuid4()
        return Turn(request_id, conversation, str(uuid4()), question, caller.user_id, sources[:told], prompt, began, Generation())

    async def stream(self, turn: Turn) -> AsyncIterator[str]:
        """Pieces of the answer. However it ends, what was said until then is kept in the conversation; an answer that is whole is kept when
        this ends.

        Raises:
            Unavailable: the model does not answer (any more), or the conversation is not kept.
        """
        said: list[str] = []
        turn.generation.finish_reason = "cancelled"  # unless it comes to its end
        generation = Generation()
        try:
            async for piece in self._models.answer(turn.prompt, generation):
                if not said:
                    first_token.observe(time.perf_counter() - turn.began)
                said.append(piece)
                yield piece
            turn.generation = generation
        except Unavailable:
            turn.generation.finish_reason = "error"
            raise
        finally:
            answered.labels(turn.generation.finish_reason).inc()
            # A task of its own: the one that reads the answer may be cancelled at this moment, and again at each await.
            task = asyncio.get_running_loop().create_task(self._keep(turn, "".join(said)))
            self._saving.add(task)
            task.add_done_callback(self._saving.discard)
        if lost := await asyncio.shield(task):
            raise lost

    async def _keep(self, turn: Turn, answer: str) -> Unavailable | None:
        """Add question and answer to their conversation; gives why it could not."""
        asked = new_message("user", turn.question)
        said = new_message("assistant", answer, turn.sources) | {"id": turn.message_id}
        try:
            await self._memory.say(turn.conversation_id, turn.owner, [asked, said] if answer else [asked])
        except Unavailable as error:
            _log.error("A conversation was not kept", extra={"conversation_id": str(turn.conversation_id)})
            return error
        return None

    async def _near(self, question: str, most: int) -> list[str]:
        model = self._settings.bge_model_name
        known = await self._attempt("cache", self._memory.embedding(model, question))
        if known is None or isinstance(known, Unavailable):
            with stages.labels("embed").time():
                vector = await self._models.embed_question(question)
            await self._attempt("cache", self._memory.keep_embedding(model, question, vector))
        else:
            vector = known
        return [hit.chunk_id for hit in await self._models.nearest(vector, most)]

    @staticmethod
    async def _attempt(stage: str, work: Awaitable[T]) -> T | Unavailable:
        """What `work` gives, or why it could not."""
        with stages.labels(stage).time():
            try:
                return await work
            except Unavailable as error:
                return error


def heads(lists: Sequence[Sequence[str]], most: int) -> list[str]:
    """The first ids of lists in turn, up to ``most`` of each: all firsts, then all seconds."""
    return list(dict.fromkeys(each for rank in range(most) for ids in lists for each in ids[rank : rank + 1]))


def fuse(lists: Sequence[tuple[float, Sequence[str]]]) -> list[tuple[str, float]]:
    """Reciprocal rank fusion of weighted lists of ids, the best first; a score of 1 is first place in every list."""
    scores: dict[str, float] = {}
    for weight, ids in lists:
        for rank, each in enumerate(ids):
            scores[each] = scores.get(each, 0.0) + weight * (_RANK_CONSTANT + 1) / (_RANK_CONSTANT + 1 + rank)
    whole = sum(weight for weight, _ in lists) or 1.0
    return sorted(((each, score / whole) for each, score in scores.items()), key=lambda item: (-item[1], item[0]))


def _source(chunk_id: str, score: float, row: Any) -> dict[str, Any]:
    metadata = {"chunk": row["number"], "filename": row["filename"]} | ({"part": row["part"]} if row["part"] else {})
    return {
        "document_id": str(row["document_id"]),
        "chunk_id": chunk_id,
        "title": row["title"],
        "text": row["text"],
        "score": round(score, 4),
        "metadata": metadata,
    }
