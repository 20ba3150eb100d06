"""The experiment on bug hunts: what luck finds is counted as it was found."""

from experiments import hunts
from experiments.hunts import Thrown, page, tried


def test_the_page_counts_what_luck_showed_and_what_a_deal_would_leave():
    rows = [Thrown("huffman_lengths", "ties reversed", True, True, 900, 3.0),
            Thrown("huffman_lengths", "limit ignored", True, False, 5000, 60.0),
            Thrown("huffman_counts", "the last one not counted", False, True, 1, 0.0)]
    text = page(rows, 5, 60.0)
    assert "| all | 3 | 2 | 67 % |" in text and "| those that these inputs leave | 2 | 1 | 50 % |" in text
    assert "| `huffman_lengths` | ties reversed | 900 | 3.0 |" in text and "at one in 5 of the" in text


def test_luck_shows_a_bug_of_every_input_and_not_one_past_4096_symbols(capsys):
    seen = tried(("huffman_counts", "the last one not counted", 0.2))
    unseen = tried(("huffman_lengths", "symbols past 4,096 without a code", 0.2))
    assert (seen.won, seen.dealt, seen.inputs) == (True, False, 1)
    assert (unseen.won, unseen.dealt) == (False, True) and unseen.inputs > 1


def test_the_quick_run_writes_nothing(monkeypatch, capsys):
    before = hunts.PAGE.read_bytes()
    monkeypatch.setattr(hunts, "QUICK_SECONDS", 0.05)
    monkeypatch.setattr(hunts, "QUICK_KERNELS", 2)
    assert hunts.main(["--quick", "--jobs", "2"]) == 0 and "Does luck win" in capsys.readouterr().out
    assert hunts.PAGE.read_bytes() == before
