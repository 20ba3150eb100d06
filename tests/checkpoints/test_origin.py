"""A file says of what it was made: there, and nowhere else, the same tensors from a path and from a mapping differ."""

from checkpoint_examples import model, saved

from refcompress import checkpoints, container


def test_the_same_tensors_from_a_path_and_from_a_mapping_differ_in_the_words_on_their_source_alone(tmp_path):
    tensors = model()
    sources = {"path": saved(tmp_path, tensors), "mapping": tensors}
    for name, source in sources.items():
        checkpoints.compress(source, "int8", target=tmp_path / f"{name}.rcz")
    with container.open(tmp_path / "path.rcz") as a, container.open(tmp_path / "mapping.rcz") as b:
        assert {name: a.entry_bytes(name) for name in a} == {name: b.entry_bytes(name) for name in b}
        kinds = [each.metadata["refcompress.source.kind"] for each in (a, b)]
        other = {name for name in a.metadata if a.metadata[name] != b.metadata[name]}
    assert other == {"refcompress.source.kind", "refcompress.source.sha256"} and kinds[1] == "mapping"
    sizes = [(tmp_path / f"{name}.rcz").stat().st_size for name in sources]
    assert sizes[1] - sizes[0] == len(kinds[1]) - len(kinds[0])
