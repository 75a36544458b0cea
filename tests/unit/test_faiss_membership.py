"""What FAISS says of its members, from answers like those of its members."""

from __future__ import annotations

from programs.faiss_service.membership import judged


def answer(sequence=7, role="reader"):
    return {"sequence": sequence, "role": role, "digest": "0" * 32}


def judge(lost=(), **said):
    return judged({f"faiss-service-{name[1:]}": value for name, value in said.items()}, list(lost)).answer()


WRITER = answer(role="writer")


def test_members_in_step_are_whole_and_can_lose_any_one():
    found = judge(m0=WRITER, m1=answer(), m2=answer())
    assert (found["whole"], found["leaders"], found["held"]) == (True, ["faiss-service-0"], [])
    for lost in ("faiss-service-0", "faiss-service-2"):
        assert judge([lost], m0=WRITER, m1=answer(), m2=answer())["held"] == []


def test_the_writer_does_not_go_while_nobody_has_all_that_it_has():
    found = judge(["faiss-service-0"], m0=WRITER, m1=answer(6), m2=answer(5))
    assert not found["whole"] and found["held"] and found["losing"] == found["held"]
    assert judge(["faiss-service-1"], m0=WRITER, m1=answer(6), m2=answer(5))["held"] == []


def test_a_member_that_does_not_answer_counts_as_behind():
    found = judge(["faiss-service-0"], m0=WRITER, m1=None)
    assert not found["whole"] and "faiss-service-1 does not answer" in found["why"] and found["held"]


def test_one_member_is_the_only_holder():
    found = judge(["faiss-service-0"], m0=WRITER)
    assert found["alone"] == ["faiss-service-0"] and found["whole"]
