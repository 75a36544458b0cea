"""The index in memory, against brute force."""

import numpy as np
import pytest
from conftest import DIMENSION, vectors

from faiss_service.index import Index, centroids
from faiss_service.operations import Add, Clear, Delete, Train, decode, encode


def brute(data: np.ndarray, query: np.ndarray, k: int) -> list[str]:
    return [str(n) for n in np.argsort(-(data @ query))[:k]]


@pytest.fixture
def held():
    index = Index(DIMENSION)
    data = vectors(2000)
    index.apply(Add([str(n) for n in range(2000)], data, [{"n": n} for n in range(2000)]))
    return index, data


def test_flat_answers_are_those_of_brute_force(held):
    index, data = held
    queries = vectors(50, seed=1)
    for query, hits in zip(queries, index.search(queries, 10, 10), strict=True):
        assert [hit.id for hit in hits] == brute(data, query, 10)
        np.testing.assert_allclose([hit.score for hit in hits], np.sort(data @ query)[::-1][:10], rtol=1e-5)


def test_trained_answers_are_exact_where_all_lists_are_looked_at_and_near_where_a_tenth_is(held):
    index, data = held
    index.apply(Train(centroids(index.sample(10**6), 20)))
    queries = data[:200] + 0.05 * vectors(200, seed=2)
    recall = {}
    for nprobe in (2, 20):
        hits = index.search(queries, 10, nprobe)
        recall[nprobe] = np.mean([len({h.id for h in row} & set(brute(data, q, 10))) / 10 for q, row in zip(queries, hits, strict=True)])
    assert recall[20] == 1 and 0.3 < recall[2] < 1
    assert np.mean([row[0].id == str(n) for n, row in enumerate(index.search(queries, 1, 2))]) > 0.85  # the one it came from


@pytest.mark.parametrize("trained", [False, True])
def test_what_is_replaced_or_taken_out_is_not_found_again(held, trained):
    index, data = held
    if trained:
        index.apply(Train(centroids(index.sample(10**6), 20)))
    before = index.digest
    assert index.apply(Delete(["7", "8", "nobody"])) == 2
    assert index.apply(Add(["9", "new"], data[[7, 8]], [{"moved": True}, {}])) == 1
    found = index.search(data[[7, 8, 9]], 1, 20)
    assert [row[0].id for row in found][:2] == ["9", "new"] and found[2][0].id != "9"
    assert len(index) == 1999 and index.digest == index.recount()
    index.apply(Delete(["new"]))
    index.apply(Add(["7", "8", "9"], data[[7, 8, 9]], [{"n": 7}, {"n": 8}, {"n": 9}]))
    assert index.digest == before  # the same contents, whatever happened between


def test_operations_survive_as_bytes():
    data = vectors(5)
    operations = [Add(["a", "b"], data[:2], [{"t": "文"}, {}]), Add(["c"], data[2:3]), Delete(["a"]), Train(data[:5]), Clear()]
    for one, other in zip(operations, decode(encode(operations)), strict=True):
        for name in one.__slots__:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_cleared_index_is_as_new(held):
    index, _ = held
    index.apply(Train(centroids(index.sample(10**6), 20)))
    assert index.apply(Clear()) == 2000
    assert (len(index), index.trained, index.digest) == (0, False, 0) and index.search(vectors(1), 5, 1) == [[]]


def test_files_hold_all_of_it(held, tmp_path):
    index, data = held
    for place, change in enumerate(([], [Train(centroids(index.sample(10**6), 20)), Delete(["3"])])):
        for operation in change:
            index.apply(operation)
        names = tmp_path / f"{place}.faiss", tmp_path / f"{place}.jsonl"
        index.save(*names)
        loaded = Index.load(DIMENSION, *names)
        assert (len(loaded), loaded.trained, loaded.digest, loaded.recount()) == (len(index), index.trained, index.digest, index.digest)
        assert loaded.search(data[:20], 5, 3) == index.search(data[:20], 5, 3)
        loaded.apply(Add(["later"], data[:1]))  # numbers go on after the last
        assert loaded.digest == loaded.recount()
