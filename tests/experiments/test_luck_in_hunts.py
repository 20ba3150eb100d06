"""The experiment on bug hunts: what luck finds is counted as it was found."""

import pytest

from experiments import hunts
from experiments.hunts import Thrown, tried
from experiments.hunts_page import holds, page


def test_the_page_counts_what_luck_showed_and_what_a_deal_would_leave():
    rows = [Thrown("huffman_lengths", "ties reversed", True, True, 900, 3.0),
            Thrown("huffman_lengths", "limit ignored", True, False, 5000, 60.0),
            Thrown("huffman_counts", "the last one not counted", False, True, 1, 0.0)]
    text = page(rows, 5, 60.0)
    assert "| all | 3 | 2 | 67 % |" in text and "| those that these inputs leave | 2 | 1 | 50 % |" in text
    assert "| `huffman_lengths` | ties reversed | 900 | 3.0 |" in text
    assert "at 3 wrong kernels, drawn at random from the 5 that" in text
    assert "at each of the 3 wrong kernels that" in page(rows, 3, 60.0)
    assert not holds(rows) and holds(rows[:2]) and not holds(rows[:1])


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


def test_a_run_that_was_ended_goes_on_where_it_was_and_its_page_can_be_written_before(tmp_path, monkeypatch, capsys):
    pool = hunts.in_turn()[:3]
    monkeypatch.setattr(hunts, "in_turn", lambda: pool)
    monkeypatch.setattr(hunts, "PAGE", tmp_path / "hunts.md")
    monkeypatch.setattr(hunts, "ROOT", tmp_path)
    monkeypatch.setattr(hunts, "LOG", tmp_path / "hunts.jsonl")
    calls = []

    def answers(some, seconds, jobs):
        for kernel in some:
            if len(calls) == 2:
                calls.append(None)
                raise KeyboardInterrupt
            calls.append(kernel)
            yield Thrown(kernel.op, kernel.name, True, False, 9, seconds)

    monkeypatch.setattr(hunts, "_answers", answers)
    with pytest.raises(KeyboardInterrupt):
        hunts.main([])
    assert not hunts.PAGE.exists()
    assert hunts.main(["--page"]) == 0 and "| all | 2 | 0 | 0 % |" in hunts.PAGE.read_text() and hunts.LOG.exists()
    assert hunts.main([]) == 0 and calls == [*pool[:2], None, pool[2]]
    assert "| all | 3 | 0 | 0 % |" in hunts.PAGE.read_text() and not hunts.LOG.exists()
