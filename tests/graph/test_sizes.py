"""Arithmetic of open sizes: each text has the value of what it was made of."""

from hypothesis import given
from hypothesis import strategies as st

from refcompress.graph import Builder
from refcompress.graph.sizes import UNKNOWN, added, broadcast, divided, multiplied, product, quotient, subtracted

NAMES = {"n": 7, "rows": 30, "columns": 12}
TREES = st.recursive(
    st.one_of(st.integers(0, 9), st.sampled_from(sorted(NAMES))),
    lambda inner: st.one_of(
        st.tuples(st.just("+"), inner, inner), st.tuples(st.just("*"), inner, inner),
        st.tuples(st.just("//"), inner, st.integers(1, 5)), st.tuples(st.just("-"), inner, st.integers(0, 9))),
    max_leaves=12)
MAKE = {"+": added, "*": multiplied, "//": divided, "-": subtracted}


def size_and_value(tree):
    if not isinstance(tree, tuple):
        return tree, NAMES.get(tree, tree)
    (a, x), (b, y) = size_and_value(tree[1]), size_and_value(tree[2])
    return MAKE[tree[0]](a, b), eval(f"x {tree[0]} y", {"x": x, "y": y})


@given(TREES)
def test_a_text_has_the_value_of_the_sizes_that_it_stands_for(tree):
    size, value = size_and_value(tree)
    assert size == UNKNOWN or (size if isinstance(size, int) else eval(size, dict(NAMES))) == value


def test_convolutions_that_keep_a_size_keep_its_name():
    same = added(divided(added("rows", 2 - 2 - 1), 1), 1)
    half = added(divided(added("rows", 2 - 2 - 1), 2), 1)
    assert (same, half) == ("rows", "(rows - 1) // 2 + 1")
    assert divided(divided("rows", 3), 2) == "rows // 6" and divided(product((4, "rows")), 2) == "2 * rows"
    assert multiplied(2, multiplied(2, added("n", 1))) == "4 * (n + 1)"


def test_texts_stay_short_however_often_a_graph_doubles_a_size():
    builder = Builder()
    x = doubled = builder.input("x", ("n", 2))
    y = builder.input("y", ("m", 2))
    for _ in range(60):
        doubled = builder.concat(doubled, doubled, axis=0)
        x, y = y, builder.concat(x, y, axis=0)
    model = builder.model(doubled, y)
    assert model.known[doubled].shape == (f"{2**60} * n", 2) and model.known[y].shape == ("?", 2)


def test_what_is_left_of_a_reshape_is_what_names_do_not_take():
    assert quotient(("n", 12, "rows"), ("n", 4)) == "3 * rows" and quotient(("n", "rows"), ("n", "rows")) == 1
    assert quotient(("n", 3), ("rows",)) == UNKNOWN and quotient((6, 4), (8,)) == 3


def test_what_is_not_known_equals_nothing():
    assert added(UNKNOWN, 1) == multiplied(UNKNOWN, "n") == divided("n", UNKNOWN) == subtracted(UNKNOWN, UNKNOWN) == "?"
    assert multiplied(UNKNOWN, 0) == 0 and quotient((UNKNOWN, 2), (UNKNOWN,)) == UNKNOWN
    assert broadcast((UNKNOWN, 3), ("n", 1)) == (UNKNOWN, 3) and broadcast(("n",), (4, 1)) == (4, "n")
    assert broadcast(None, (1,)) is None and broadcast((1, 5), ("n", 1, 1)) == ("n", 1, 5)
