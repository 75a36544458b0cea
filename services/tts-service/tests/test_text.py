from tts_service.text import LONGEST, language_of, sentences, speakable


def test_sentences_of_both_scripts():
    assert sentences("Hello there. It costs 3.14 dollars! Really?") == ["Hello there.", "It costs 3.14 dollars!", "Really?"]
    assert sentences("你好。今天怎么样？“很好！”他说。") == ["你好。", "今天怎么样？", "“很好！”", "他说。"]  # noqa: RUF001
    assert sentences("one\n\ntwo") == ["one", "two"]


def test_what_cannot_be_said_is_left_out():
    assert sentences("Yes. ... !!! No\x00\x1b.") == ["Yes.", "No  ."]
    assert not speakable("… !? 。")
    assert speakable("3")


def test_a_long_sentence_is_cut_where_it_may_be():
    pieces = sentences("word " * 100)
    assert all(len(piece) <= LONGEST for piece in pieces)
    assert " ".join(pieces) == ("word " * 100).strip()
    assert "".join(sentences("字" * 500)) == "字" * 500


def test_language_by_script():
    assert language_of("Order 42 ist da") == "en"
    assert language_of("订单 42") == "zh"
