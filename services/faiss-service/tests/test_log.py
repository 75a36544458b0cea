"""The log, torn and damaged in every place."""

import resource

import pytest

from faiss_service.files import Damaged
from faiss_service.log import Frame, Gone, Log, pack, unpack


def opened(folder, snapshot=0):
    log = Log(folder, "abc", snapshot)
    return log, list(log.replay())


@pytest.fixture
def written(tmp_path):
    log, _ = opened(tmp_path)
    for n in range(1, 4):
        assert log.append(b"payload %d" % n * n) == n
    log.close()
    return next(tmp_path.glob("log-*"))


def test_it_goes_on_where_it_ended(written, tmp_path):
    log, frames = opened(tmp_path)
    assert frames == [Frame(n, b"payload %d" % n * n) for n in range(1, 4)]
    assert log.append(b"more") == 4
    assert [frame for _, frame in unpack(log.read(2))] == [Frame(3, b"payload 3" * 3), Frame(4, b"more")]


def test_a_tail_torn_at_any_byte_is_cut_off(written, tmp_path):
    whole = written.read_bytes()
    start = whole.rindex(b"VHL1")
    for length in range(start, len(whole)):
        written.write_bytes(whole[:length])
        log, frames = opened(tmp_path)
        assert [frame.sequence for frame in frames] == [1, 2] and written.stat().st_size == start
        assert log.append(b"x") == 3
        log.close()


@pytest.mark.parametrize("tail", [b"\0" * 500, b"VHL1" + b"\xff" * 40, b"garbage"])
def test_a_tail_that_was_never_written_is_cut_off(written, tmp_path, tail):
    whole = written.read_bytes()
    written.write_bytes(whole + tail)
    log, frames = opened(tmp_path)
    assert len(frames) == 3 and written.read_bytes() == whole
    log.close()


def test_a_bit_that_fell_before_good_frames_is_damage_and_refused(written, tmp_path):
    data = bytearray(written.read_bytes())
    data[len(pack(Frame(1, b"payload 1"))) + 25] ^= 1
    written.write_bytes(data)
    with pytest.raises(Damaged, match="a bad frame at byte"):
        opened(tmp_path)
    assert written.read_bytes() == data


def test_a_gap_is_damage(written, tmp_path):
    written.write_bytes(written.read_bytes()[len(pack(Frame(1, b"payload 1"))) :])
    with pytest.raises(Damaged, match="found frame 2 after 0"):
        opened(tmp_path)


def test_segments_go_when_snapshots_have_what_they_hold(tmp_path):
    log, _ = opened(tmp_path)
    for n in range(6):
        log.append(b"x%d" % n)
        log.rotate()
        log.rotate()  # nothing new: no further segment
    log.drop(3)
    assert [frame.sequence for _, frame in unpack(log.read(3))] == [4]
    with pytest.raises(Gone):
        log.read(2)
    log.close()
    _, frames = opened(tmp_path, snapshot=4)
    assert [frame.sequence for frame in frames] == [5, 6]


def test_a_reader_takes_only_the_next_frames(tmp_path):
    log, _ = opened(tmp_path)
    log.extend(pack(Frame(1, b"a")) + pack(Frame(2, b"b")))
    for wrong in (pack(Frame(2, b"b")), pack(Frame(4, b"d")), pack(Frame(3, b"c"))[:-1], b""):
        with pytest.raises(ValueError, match="not the frames after 2"):
            log.extend(wrong)
    assert log.last == 2


def test_what_does_not_fit_on_the_disk_is_not_in_the_log(tmp_path):
    log, _ = opened(tmp_path)
    log.append(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            log.append(b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.append(b"after") == 2
    log.close()
    assert [frame.payload for frame in opened(tmp_path)[1]] == [b"before", b"after"]
