"""The files of labs, hunts and classes are read by one reader, which names the file, the key and what to do."""

import json

import pytest

from refcompress.errors import CorruptError, RefcompressError
from refcompress.labs import classes, folder
from refcompress.labs.hunts import tries

PROGRESS = {"op": "gemm_s8s8", "started": "now", "attempts": 1, "passed": {"plain": "now"}, "failed": "",
            "hints": {"ties": 1}, "log": [{"when": "now", "passed": ["plain"], "failed": ""}]}
HUNT = {"op": "huffman_lengths", "kernel": "abc", "par": 4, "seed": 7, "best": 0,
        "tries": [{"when": "now", "points": 0, "size": 3}]}
CLASS = {"seed": 0, "labs": ["gemm_s8s8"],
         "hunts": [{"student": "Ada", "op": "huffman_lengths", "kernel": "abc", "par": 4,
                    "bug": "b", "story": "s"}]}
FILES = [pytest.param(folder.PROGRESS, folder.SCHEMA, PROGRESS, folder.read, id="lab"),
         pytest.param(tries.HUNT, tries.SCHEMA, HUNT, tries.read, id="hunt"),
         pytest.param(classes.CLASS, classes.SCHEMA, CLASS, lambda place: list(classes.grade(place)), id="class")]
WRONG = [(folder.PROGRESS, key, value, said) for key, value, said in (
    ("attempts", -1, "attempts must be a whole number"), ("attempts", True, "attempts must be a whole number"),
    ("attempts", "3", "attempts must be a whole number"), ("op", ["gemm_s8s8"], "op must be the name of a lab"),
    ("hints", {"ties": -2}, "hints.ties must be a whole number"),
    ("passed", {"plain": 3}, "passed.plain must be a text"),
    ("log", None, "log must be a list"), ("log", [{"when": 1}], "log[0].when must be a text"),
    ("log", [{"when": ""}], "log[0].passed is missing"), ("more", 1, "more is no key of it"))]
WRONG += [(tries.HUNT, key, value, said) for key, value, said in (
    ("par", 1.5, "par must be a whole number"), ("kernel", 3, "kernel must be a text"),
    ("tries", {}, "tries must be a list"), ("tries", [3], "tries[0] must be an object"))]
WRONG += [(classes.CLASS, key, value, said) for key, value, said in (
    ("labs", ["rm"], "labs[0] must be the name of a lab"), ("hunts", [1], "hunts[0] must be an object"),
    ("hunts", [{"student": 1}], "hunts[0].student must be a text"))]
BY_NAME = {param.values[0]: param.values for param in FILES}


def put(place, name, schema, data):
    (place / name).write_text(json.dumps({"schema": schema, **data}))


@pytest.mark.parametrize("name, schema, data, read", FILES)
def test_a_file_that_is_whole_is_read_and_one_without_a_key_is_refused_by_file_and_key(
        name, schema, data, read, tmp_path):
    put(tmp_path, name, schema, data)
    read(tmp_path)
    for key in data:
        put(tmp_path, name, schema, {other: value for other, value in data.items() if other != key})
        with pytest.raises(CorruptError) as refused:
            read(tmp_path)
        assert f"{name}' is damaged ({key} is missing)" in str(refused.value)


@pytest.mark.parametrize("name, schema, data, read", FILES)
def test_a_file_of_a_newer_version_asks_for_a_newer_program_and_is_not_called_damaged(
        name, schema, data, read, tmp_path):
    newer = schema.replace("/1", "/2")
    put(tmp_path, name, newer, data)
    with pytest.raises(RefcompressError) as refused:
        read(tmp_path)
    assert not isinstance(refused.value, CorruptError)
    for said in (name, f"its schema is {newer}", f"reads {schema}", "newer refcompress"):
        assert said in str(refused.value)
    for version in ("/0", "/x", "/", "/1" + "9" * 5000):
        put(tmp_path, name, schema.replace("/1", version), data)
        with pytest.raises(RefcompressError) as refused:
            read(tmp_path)
        assert len(str(refused.value)) < 600 and name in str(refused.value)
    for other in (None, 2, "refcompress.other/2"):
        put(tmp_path, name, other, data)
        with pytest.raises(CorruptError, match="schema must be"):
            read(tmp_path)


@pytest.mark.parametrize("name, schema, data, read", FILES)
@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", "NaN", "[]", "3"])
def test_what_is_no_such_json_is_damaged_in_one_line(name, schema, data, read, text, tmp_path):
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(CorruptError) as refused:
        read(tmp_path)
    assert f"{name}' is damaged (" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("name, key, value, said", WRONG)
def test_a_value_of_another_type_is_named_by_its_key(name, key, value, said, tmp_path):
    _, schema, data, read = BY_NAME[name]
    put(tmp_path, name, schema, {**data, key: value})
    with pytest.raises(CorruptError) as refused:
        read(tmp_path)
    assert f"{name}' is damaged ({said}" in str(refused.value)
