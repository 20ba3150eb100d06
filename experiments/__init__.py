"""The experiments that made `results/`, one file each: what is measured, the tables, the picture.

They read the library and nothing of `benchmarks/`, which times kernels. Read `runner.py` first: the command line, the
record that goes on where it was stopped, the statistics and the pictures are the same for all.

    deep_compression        Deep Compression on both LeNets, as files
    loops                   what pruning again and clustering again gain
    separable               a network of convolutions trained as a graph, in three formats and on a grid
    pruning                 LeNet-300-100 pruned in every way
    quantization            LeNet-300-100 and MiniLM quantized in every way
    relu_ranks              ranks after training, in front of a ReLU
    learning_compression    ranks that are learnt with the weights
    train_big               widths at one budget of operations, compressed to the same bytes
    train_big_text          transformers on text likewise (characters.py has the text and the networks)
    mixed_precision         float32, float16 and bfloat16 over five seeds
    networks                whole networks on integers, beside ONNX Runtime's quantizer
    derive                  files of seven tools, derived from their sources (results/derive.md; derive_makers.py runs
                            in each tool's own environment)
    presets                 the bytes of MiniLM, tensor by tensor, after each preset of compress
"""
