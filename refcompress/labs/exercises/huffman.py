"""Labs of the family huffman: from counts to lengths, from lengths to a code, and from a stream to symbols."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...reference.huffman.lengths import tree_lengths
from ..lab import FULL, Failure, Lab, Mistake, plain, refused, where

LABS: list[Lab] = []


# huffman_lengths

def _lone(failure: Failure) -> bool:
    return np.count_nonzero(failure.given["counts"]) == 1


def _too_long(failure: Failure) -> bool:
    return int(np.max(failure.got, initial=0)) > failure.given.get("limit", 15)


def _cost(failure: Failure, lengths) -> int:
    return sum(int(c) * int(length) for c, length in zip(failure.given["counts"], lengths, strict=True))


def _no_code(failure: Failure) -> bool:
    """Return whether no code has these lengths: by the sum of Kraft."""
    used = failure.got[np.asarray(failure.given["counts"]) > 0]
    return len(used) > 1 and (not used.all() or sum(2.0 ** -float(length) for length in used) != 1)


def _unused(failure: Failure) -> bool:
    return bool(np.any(np.asarray(failure.got)[np.asarray(failure.given["counts"]) == 0]))


def _same_cost(failure: Failure) -> bool:
    return _cost(failure, failure.got) == _cost(failure, failure.expected)


def _huge(failure: Failure) -> bool:
    return sum(map(int, failure.given["counts"])) > 2**53


def _deep(given: Mapping[str, Any]) -> bool:
    """Return whether Huffman's tree is deeper than the limit: then it takes package-merge."""
    return int(tree_lengths(given["counts"]).max(initial=0)) > given.get("limit", 15)


LABS.append(Lab(
    "huffman_lengths", 10,
    "Find how many bits each symbol gets, so that all symbols together take the fewest bits.",
    "HUFFMAN-2.1",
    (plain("counts whose tree is no deeper than the limit", without=_deep),
     plain("counts whose tree is deeper: package-merge", name="the limit"), FULL),
    (Mistake("lone symbol", "Only one symbol is used.", "HUFFMAN-2.1",
             ("How many bits does a code need that has only one word? Read the section Returns.",
              "A tree of one leaf has depth 0, and a code of 0 bits cannot be written."), where(_lone)),
     Mistake("unused symbol", "A symbol of count 0 got a length.", "HUFFMAN-2.1",
             ("Which symbols take part in the tree?",), _unused),
     Mistake("limit", "A length is above the limit.", "HUFFMAN-2.1",
             ("How deep can Huffman's tree become? Try the counts 1, 1, 2, 3, 5, 8, and so on.",
              "To cut lengths at the limit leaves no code: see the sum in the docstring.",
              "Where the tree is too deep you need another algorithm: package-merge, by Larmore and Hirschberg (1990).",
              "Package-merge: a list of leaves for each level; from the deepest level up, join neighbours in pairs and "
              "merge the pairs into the list above."), _too_long),
     Mistake("no code", "No code has these lengths: the sum of 2**-length over the used symbols is not 1.",
             "HUFFMAN-2.1",
             ("Compute the sum of 2**-length by hand on the input that is shown.",
              "Each time two trees are joined, all leaves of both lie one level deeper. Is each one counted?"),
             _no_code),
     Mistake("large counts", "The counts add up to more than 2**53.", "HUFFMAN-2.1",
             ("Which numbers can a float64 not hold? What type have your weights?",
              "Python's integers have no end, NumPy's have one: `counts.tolist()` gives Python's."), where(_huge)),
     Mistake("ties", "Your lengths cost as many bits. But of equal weights the other ones must be joined first.",
             "HUFFMAN-2.2",
             ("Several codes are optimal. Two rules in the docstring leave one: find them.",
              "Two symbols have the same count. Which of them may have the longer code?",
              "A leaf and a joined tree have the same weight. Which of them is taken first?",
              "Give the heap tuples: what is compared after the weight decides the ties. Joined trees have ties among "
              "themselves too: the older one goes first."), _same_cost),
     Mistake("cost", "These lengths take more bits than needed.", "HUFFMAN-2.1",
             ("Multiply counts by lengths and add, for your lengths and for the expected ones.",
              "In each step the two lightest trees are joined. Is your list still in order after a tree was put back?"),
             lambda failure: _cost(failure, failure.got) > _cost(failure, failure.expected)))))


# huffman_code

def _single(failure: Failure) -> bool:
    return np.count_nonzero(failure.given["lengths"]) == 1


def _at_unused(failure: Failure) -> bool:
    """Return whether the code word that HuffmanCode refuses is that of an unused symbol."""
    place = re.search(r"codes\[(\d+)\]: must be", failure.reason)
    return place is not None and failure.given["lengths"][int(place[1])] == 0


def _with_a_gap(failure: Failure) -> bool:
    """Return whether there is a length that no symbol has, between two that some have."""
    used = np.unique(failure.given["lengths"][failure.given["lengths"] > 0])
    return bool((np.diff(used.astype(int)) > 1).any())


LABS.append(Lab(
    "huffman_code", 10,
    "Give each symbol its code word: the canonical code that has these lengths.",
    "HUFFMAN-3.1",
    (plain("lengths that fill the code space"), FULL),
    (Mistake("lone symbol", "Only one symbol is used.", "HUFFMAN-3.2",
             ("Half of the code space is left then. Does one of your steps look at that?",), where(_single)),
     Mistake("unused symbol", "A symbol of length 0 got a code word.", "HUFFMAN-3.1",
             ("Codes of unused symbols are 0. Which symbols does your loop number?",), _at_unused),
     Mistake("skipped length", "No symbol has one of the lengths in between.", "HUFFMAN-3.1",
             ("Do the formula of first(l) by hand, for the lengths that are shown.",
              "Each length goes through the formula, also one that no symbol has."), where(_with_a_gap)),
     Mistake("order", "The code words are not those of the canonical code.", "HUFFMAN-3.1",
             ("In which order do symbols of one length get their numbers?",
              "Do the formula of first(l) by hand, for the lengths that are shown.",
              "What is multiplied by two: the first code word, or the one behind the last?"),
             refused("canonical"))),
    uses=("from refcompress import HuffmanCode",)))


# huffman_decode

def _lanes(failure: Failure) -> bool:
    return failure.given["encoded"].count >= 2048


LABS.append(Lab(
    "huffman_decode", 11,
    "Read the symbols out of a Huffman stream. The top of `reference/huffman/stream.py` says how lanes share it.",
    "HUFFMAN-4.1",
    (plain("streams of one lane and of many"), FULL),
    (Mistake("lone symbol", "The code has only one symbol.", "HUFFMAN-4.1",
             ("Its code word is one bit, 0. Does each symbol take that bit away?",),
             where(lambda failure: np.count_nonzero(failure.given["encoded"].code.lengths) == 1)),
     Mistake("type", "The symbols have the wrong dtype.", "HUFFMAN-4.2",
             ("The section Returns says when symbols are uint8 and when they are uint16.",),
             lambda failure: "got dtype" in failure.reason),
     Mistake("lanes", "The stream has 2,048 symbols or more: it has several lanes.", "HUFFMAN-4.1",
             ("How many lanes has a stream? `FORMAT.md` says it, and `lanes_of` computes it.",
              "Each lane keeps bits of its own. The words are common: who needs one takes the next.",
              "Symbol i is of lane i mod lanes. It takes a word, if it must, just before its code leaves."),
             where(_lanes)),
     Mistake("bits", "The symbols come out wrong.", "HUFFMAN-4.1",
             ("Which end of a word holds its first bit?",
              "A code word is written with its first bit first: in a lane's queue it stands the other way round.",
              "A lane takes a word when it holds fewer than L bits, L the longest length: not when it is empty."))),
    uses=("from refcompress.reference.huffman.stream import lanes_of",)))
