"""The kinds of bytes of a ledger, in words."""

__all__ = ["NOT_NUMBERS", "WORDS"]

WORDS = {
    "values": "the numbers of the tensors, or their codes",
    "scales": "what codes are multiplied by",
    "zero points": "what is taken from codes or added to them",
    "codebooks": "the numbers that codes stand for",
    "indices": "places: of kept weights, or of inputs in groups",
    "fillers": "distances that lead to no weight",
    "contexts": "codes and places in one stream",
    "factors": "the two factors of a product of low rank",
    "arrays": "arrays as they are, such as biases",
    "code tables": "lengths of the words of Huffman codes",
    "names": "names of tensors",
    "shapes": "sizes, types and places of tensors",
    "header": "magic, version, counts, forms of the entries",
    "frame": "magic, version, lengths, marks between the parts",
    "metadata": "the file's words about itself",
    "tokenizer": "vocabulary and its rules",
    "index": "which file has which tensor",
    "pickle": "names, types and shapes of tensors, as Python's pickle",
    "array headers": "shape and type of each array (.npy)",
    "packed arrays": "array headers and values, deflated together",
    "code": "source code of TorchScript",
    "records": "other members of the archive",
    "member headers": "zip: name, sizes and checksum before each member",
    "directory": "zip: names, sizes and places of all members, again",
    "graph": "the network: its nodes, inputs and outputs",
    "unread tensors": "tensors of texts, and of types that are not read here",
    "padding": "fills up to whole words, or to an alignment",
    "unused elements": "elements of a storage that no tensor shows",
    "gaps": "bytes that belong to nothing",
    "checksum": "the digests that the file is checked by",
}
NOT_NUMBERS = frozenset((  # all others are what the numbers of tensors cost
    "names", "shapes", "header", "frame", "metadata", "tokenizer", "index", "pickle", "array headers", "code",
    "records", "member headers", "directory", "graph", "unread tensors", "padding", "unused elements", "gaps",
    "checksum"))
