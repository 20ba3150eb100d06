"""The benchmarks: every operation has a case, and what is wrong is not timed."""

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from refcompress import native, reference
from refcompress.ops import OPS
from refcompress.testing import clock

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # behind everything: the library that is tested stays the one that is installed

from benchmarks import cases, expected, limits, measure, peers, report, surroundings  # noqa: E402
from benchmarks.peers import numpy_blas, weights  # noqa: E402

CACHES = {"L1": 1 << 15, "L2": 1 << 20, "L3": 1 << 25}
LIMITS = limits.Limits(2, "avx512", {"f32 portable": 1e10, "f32 avx512": 1e11, "s16 avx2": 2e11},
                       {"L1": 4e11, "L2": 2e11, "L3": 1e11, "DRAM": 2e10, "copy": 2e10}, CACHES)


def case(op, text=""):
    return next(c for c in cases.CASES if c.op == op and text in c.name)


def wrong(op, spoil):
    """Return an implementation of one operation, whose results ``spoil`` changes."""
    def function(*args, **kwargs):
        return spoil(getattr(reference, op)(*args, **kwargs))

    function.isa = "wrong"
    return SimpleNamespace(**{op: function})


@pytest.mark.parametrize("op", OPS)
def test_every_operation_has_a_case_that_is_quick(op):
    assert any(c.quick and c.reference for c in cases.CASES if c.op == op)


def test_cases_have_names_of_their_own():
    assert len({(c.op, c.name) for c in cases.CASES}) == len(cases.CASES)


def test_every_file_of_cases_is_joined():
    files = {file.stem for file in (ROOT / "benchmarks" / "cases").glob("*.py")} - {"__init__", "case"}
    assert files == set(cases.FAMILIES)


def test_a_wrong_answer_is_refused_and_the_others_are_timed():
    space = wrong("gemm_s8s8", lambda y: y + np.int32(np.arange(y.size).reshape(y.shape) == 7))
    peer = numpy_blas.PEERS["gemm_s8s8"]
    bad = peers.Peer("bad peer", lambda x, w: lambda: np.zeros((len(x), len(w)), np.int32), peer.check)
    unable = peers.Peer("unable", lambda x, w: 1 / 0, peer.check)
    contest = measure.Contest(case("gemm_s8s8", "LeNet"), [space], [peer, bad, unable])
    for _ in range(2):
        contest.run_pass(0.01, least=1)
    rows = {row.implementation: row for row in contest.finished(LIMITS)}
    assert "result[0, 7]" in rows["native.wrong"].refused and np.isnan(rows["native.wrong"].seconds)
    assert "disagrees" in rows["bad peer"].refused and "ZeroDivisionError" in rows["unable"].refused
    for label in ("reference", peer.label):
        assert not rows[label].refused and rows[label].seconds > 0
    assert set(rows["reference"].ratios) == {peer.label}


def test_a_case_in_which_all_are_refused_has_rows_and_no_times():
    bad = peers.Peer("bad peer", lambda a: lambda: 1 / 0, None)
    contest = measure.Contest(case("csr_matmul", "4096 wide"), [wrong("csr_matmul", lambda y: y)], [bad])
    contest.ours = {"native.wrong": lambda a, x: 1 / 0}
    contest.rows.pop("reference", None)
    for _ in range(2):
        contest.run_pass(0, least=1, evict=lambda: None)
    assert [(row.implementation, row.refused[:6], row.samples) for row in contest.finished(LIMITS)] == [
        ("native.wrong", "failed", 0), ("bad peer", "cannot", 0)]


def test_each_case_without_the_reference_has_an_expected_result():
    assert {c.op for c in cases.CASES if not c.reference} <= set(expected.EXPECTED)


# Of searches the tests of their families prove the native forms; two of them have a reference that is quick.
@pytest.mark.parametrize("op", sorted(set(expected.EXPECTED) - {"quantize_gptq", "quantize_clip", "prune_sparsegpt"}))
def test_the_fast_expected_results_are_those_of_the_reference(op):
    quick = next(c for c in cases.CASES if c.op == op and c.quick and c.reference and not c.overhead)
    args, kwargs = quick.make(np.random.default_rng(1))
    OPS[op].rule(getattr(reference, op)(*args, **kwargs), expected.EXPECTED[op](*args, **kwargs), args, kwargs)


def test_what_is_compared_is_called_in_turns_and_each_cold_sample_after_emptying_the_caches():
    calls = []
    functions = {name: (lambda name=name: calls.append(name)) for name in "abc"}
    samples = clock.in_turns(functions, dict.fromkeys("abc", 1.0), 0, 3, lambda: calls.append("-"))
    assert calls == list("-a-b-c-c-b-a-a-b-c") and all(len(s) == 3 for s in samples.values())


def test_a_visit_takes_as_many_samples_as_fit_one_after_the_other(monkeypatch):
    calls = []
    functions = {"quick": lambda: calls.append("quick"), "slow": lambda: (calls.append("slow"), time.sleep(0.003))}
    monkeypatch.setattr(clock, "VISIT_SECONDS", 0.002)
    samples = clock.in_turns(functions, {"quick": 0.0005, "slow": 0.003}, 0, 2)
    # two visits each, in one of which the quick one is twice as long
    assert len(samples["slow"]) == 2 and len(samples["quick"]) > 4
    assert [name for i, name in enumerate(calls) if name != calls[i - 1]] in (
        ["quick", "slow", "quick"],
        ["slow", "quick"],
    )


def test_what_is_far_slower_is_called_once_a_pass_and_what_takes_half_a_second_once_in_a_run(monkeypatch):
    calls, first = [], {"fast": 0.001, "slow": 0.4, "slowest": 5.0}
    contest = measure.Contest(
        case("csr_to_dense"),
        [],
        [peers.Peer(label, lambda a, label=label: lambda: calls.append(label), None) for label in first],
    )
    monkeypatch.setattr(contest, "checked", lambda functions, *_: contest.first.update(first) or
                        {label: functions[label] for label in first})
    monkeypatch.setattr(clock, "VISIT_SECONDS", 0)  # a sample a visit
    for _ in range(3):
        contest.run_pass(0, least=4, evict=lambda: None)
    assert calls.count("slow") == 3 and calls.count("slowest") == 0  # its call was that of the check
    rows = {row.implementation: row for row in contest.finished(LIMITS)}
    assert rows["slowest"].seconds == 5 and [rows[label].samples for label in first] == [12, 3, 1]
    assert np.isnan(rows["slow"].cold) and rows["fast"].cold > 0 and set(rows["fast"].ratios) == {"slow", "slowest"}


def test_a_ratio_is_estimated_from_those_of_passes_with_an_interval_around_it():
    rng = np.random.default_rng(0)
    # the quickest turns
    assert measure.ratio([([6.0, 7.0], [4.0, 2.0]), ([9.0, 10.0], [3.0]), ([6.0, 9.0], [2.0, 5.0])], rng)[0] == 3
    assert measure.ratio([([6.0], [2.0])], rng) == (3, 3, 3)
    # A pass that is disturbed throughout, or lucky, counts for little; what slows both for a while for nothing.
    assert measure.ratio([([6.0], [2.0])] * 3 + [([90.0], [2.0])] + [([600.0], [200.0])] * 3, rng)[0] == 3
    # Passes that differ make the interval wide, however little their rounds do.
    value, low, high = measure.ratio([([r] * 9, [1.0] * 9) for r in (1.0, 2.0, 4.0)], rng)
    assert (value, low, high) == (2.25, 1, 4)  # of 1, 1.5, 2, 2.5, 3, 4
    value, low, high = measure.ratio([(list(rng.uniform(3, 3.5, 50)), [1.0] * 50) for _ in range(3)], rng)
    assert low <= value <= high < 3.1


def test_the_centre_is_the_median_of_the_means_of_all_pairs():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 8):
        values = rng.random((4, n))
        expected = [np.median([(a + b) / 2 for i, a in enumerate(row) for b in row[i:]]) for row in values]
        assert np.array_equal(measure.centre(values), expected)


def test_a_case_is_unsettled_by_the_spread_of_the_passes_of_whoever_spreads_most():
    contest = measure.Contest(case("csr_to_dense"), [], [])
    def unsettled(**passes):
        contest.warm = [dict(zip(passes, samples)) for samples in zip(*passes.values())]
        return contest.unsettled()

    steady, spread = [[1.0, 1.0]] * 9, [[1.0 + 0.01 * n, 2.0] for n in range(9)]
    error = 0.7413 * 0.04 / 1.04 * np.sqrt(np.pi / 3 / 9)  # the quartiles are 1.02 and 1.06
    assert unsettled(a=steady) == 0 and unsettled(a=steady, b=spread) == pytest.approx(error)
    assert unsettled(a=steady * 4, b=spread * 4) == pytest.approx(error / 2)
    assert unsettled(reference=spread) == unsettled(once=[[1.0], [2.0], [3.0]]) == unsettled(few=spread[::8]) == 0
    # Of nine normal numbers the quartiles are 1.144 apart (tables of order statistics), and the estimate's deviation,
    # sqrt(pi / 3) / 3 for many, is within 2 % of that for nine (by simulation). A deviation of 3000 is good to 1 /
    # sqrt(6000); three times that, and the 2 %.
    rng = np.random.default_rng(0)
    draws = rng.normal(1, 0.03, (3000, 9))
    estimates = [unsettled(a=[[x, x] for x in draw]) for draw in draws]
    assert measure.centre(draws).std() / np.mean(estimates) == pytest.approx(
        1 / (0.7413 * 1.144), rel=0.02 + 3 / np.sqrt(6000)
    )


def test_the_limit_is_the_longer_of_arithmetic_and_bytes():
    def limit(operations, touched, isa="avx512", arithmetic="f32", cold=False):
        return LIMITS.seconds(cases.Case("", "", None, operations, touched, arithmetic=arithmetic), isa, cold)

    assert limit(1e11, 1) == 1 and limit(1e11, 1, "portable") == 10
    assert limit(1e11, 1, "avx2", "s8") == 0.5  # bytes are multiplied as int16 there
    assert limit(0, 60_000) == 60_000 / 4e11 and limit(0, 60_000, cold=True) == 60_000 / 2e10
    assert limit(0, 1e6) == 1e6 / 2e11 and limit(0, 3e7) == 3e7 / 1e11 and limit(0, 4e7) == 4e7 / 2e10


def row(ratio, peer="peer", case="a", implementation="native.avx2"):
    return {
        "op": "op",
        "case": case,
        "implementation": implementation,
        "kind": "ours",
        "peers": [peer],
        "ratios": {peer: ratio},
    }


def test_only_a_fall_beyond_the_intervals_is_reported():
    then = [row((1.0, 0.97, 1.03))]
    assert "0.83" in report.fell([row((0.83, 0.81, 0.86))], then)[0]
    for same in (
        row((0.95, 0.94, 0.96)),
        row((0.83, 0.7, 0.98)),
        row((1.3, 1.2, 1.4)),
        row((0.5, 0.4, 0.6), "another peer"),
        row((0.5, 0.4, 0.6), case="b"),
        row((0.5, 0.4, 0.6), implementation="reference"),
    ):
        assert report.fell([same], then) == []
    assert report.agreement([row((1.07, 1, 1))], then) == (1, 1) and report.agreement([row((0.9, 1, 1))], then) == (
        0,
        1,
    )


def test_the_summary_has_the_ratios_of_our_kernels_one_line_for_each_and_judges_a_run_as_the_whole_record_does():
    def row(kind, ratio):
        return {
            "op": "op",
            "case": "case",
            "implementation": "native.avx2",
            "kind": kind,
            "peers": ["peer"],
            "seconds": 1.0,
            "ratios": {"peer": [ratio, 0.99 * ratio, 1.01 * ratio]},
        }

    results = {
        "environment": {},
        "limits": {},
        "summary": {"op": 2.0},
        "table 8": [],
        "rows": [row("ours", 2.00004), row("peer", 1.0)],
    }
    text = report.compact(results)
    then = json.loads(text)["rows"]
    assert [r["kind"] for r in then] == ["ours"] and sum('"op": "op"' in line for line in text.splitlines()) == 1
    for ratio in (2.0, 1.5):
        now = [row("ours", ratio)]
        assert bool(report.fell(now, then)) == bool(report.fell(now, results["rows"])) == (ratio < 1.8)


def test_a_kernel_that_fell_in_all_its_cases_is_reported_though_no_case_alone_is_certain():
    def rows(*ratios):
        return [row((r, 0.7 * r, 1.4 * r), case=str(i)) for i, r in enumerate(ratios)]

    then = rows(1, 2, 0.5, 1, 3)
    assert report.fell(rows(0.83, 1.60, 0.43, 0.85, 2.5), then) == [
        "op, native.avx2: 0.83 [0.82, 0.85] of its ratios, in 5 cases"
    ]
    for same in (rows(1.05, 1.9, 0.52, 0.93, 3.1), rows(0.91, 1.85, 0.46, 0.93, 2.8), rows(0.55, 2.1, 0.28, 1.05, 2.9),
                 rows(0.83, 1.60, 0.43, 0.85)):
        assert report.fell(same, then) == []


def test_peers_that_are_not_installed_are_listed(monkeypatch):
    monkeypatch.setattr(peers, "ADAPTERS", ("numpy_blas", "no_such_library"))
    found, absent = peers.load(1)
    assert list(absent) == ["no_such_library"] and found["csr_matmul"] == [numpy_blas.PEERS["csr_matmul"]]


def test_the_packages_of_peers_are_printed_for_make():
    done = subprocess.run([sys.executable, "-m", "benchmarks.peers"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == peers.packages() and "scipy" in peers.packages()


@pytest.mark.filterwarnings("ignore:::torch")  # what libraries deprecate of their own is not ours
@pytest.mark.parametrize("adapter", peers.ADAPTERS)
def test_every_adapter_has_a_library_that_can_be_installed_and_operations_of_ours(adapter):
    extra = peers.packages()
    text = (ROOT / "benchmarks" / "peers" / f"{adapter}.py").read_text()
    names = {"sklearn": "scikit-learn", "faiss": "faiss-cpu"}
    imported = {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert any(names.get(name, name) in [*extra, "numpy", "zlib"] for name in imported)
    found, absent = peers.load(1)
    assert adapter in absent or set(sys.modules[f"benchmarks.peers.{adapter}"].PEERS) <= set(OPS)


GUEST = """
from refcompress import native, reference

def csr_to_dense(a):
    w = reference.csr_to_dense(a)
    w[0, 0] += SPOIL
    return w
"""


def command(*options):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "--quick", "--op", "csr_to_dense", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_prints_a_row_an_implementation_compares_with_an_earlier_run_and_ends_well(tmp_path):
    done = command("--json", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["rows"] and all(row["op"] == "csr_to_dense" and row["seconds"] > 0 and not row["refused"]
                                   for row in results["rows"])
    assert any(row["cold"] for row in results["rows"])
    assert results["limits"]["rates"]["f32 portable"] > 1e8 and 0 < results["rows"][0]["share"] < 10
    assert json.loads((tmp_path / "bench.json").read_text()) == results
    assert json.loads((tmp_path / "summary.json").read_text())["summary"] == results["summary"]
    assert json.loads((tmp_path / "history.jsonl").read_text())["commit"] == results["environment"]["commit"]
    # 3 too, whatever this machine does meanwhile
    assert command("--against", str(tmp_path / "summary.json")).returncode in (0, 3)
    assert command("--case", "no such case").returncode == 2


@pytest.mark.parametrize("spoil, status", [("0", 0), ("1", 1)])
def test_any_module_is_one_more_column_and_is_refused_where_it_is_wrong(tmp_path, spoil, status):
    (tmp_path / "guest_of_the_bench.py").write_text(GUEST.replace("SPOIL", spoil))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.run",
            "--quick",
            "--json",
            "--op",
            "csr_to_dense",
            "--with",
            "guest_of_the_bench",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == status, done.stderr
    guest = next(row for row in json.loads(done.stdout)["rows"] if row["kind"] == "guest")
    assert guest["implementation"] == "guest_of_the_bench" and bool(guest["refused"]) == (status == 1)


def test_cold_calls_of_a_product_go_round_through_copies_that_overflow_the_last_cache():
    weight = case("gemm_f32s8", "4096 wide, batch 8")
    contest = measure.Contest(weight, [SimpleNamespace(gemm_f32s8=None)], [])
    contest.ours = {"native.wrong": lambda x, w: seen.append((x, w))}
    seen, given = [], tuple(np.zeros(n, np.int8) for n in (2, 3))
    contest.rows, contest.first = {"native.wrong": measure.Row("", "", "")}, {"native.wrong": 0.001}
    function = contest.bound("native.wrong", given, {})
    for _ in range(2):  # once in a run
        contest.run_cold({"native.wrong": function}, (given, {}), 0, 1, lambda: 1 / 0)
    # of 4096 x 4096 bytes, besides the one that is called, three are more than 40 MiB
    copies = contest.rows["native.wrong"].copies
    assert copies == 1 + 3 and len(contest.cold) == 1
    assert len({id(w) for _, w in seen}) == copies and all(np.array_equal(w, given[1]) for _, w in seen)
    assert seen[0][1] is seen[copies][1] is given[1]


def test_a_run_has_the_variables_of_a_run_whatever_its_caller_had():
    caller = {"OPENBLAS_CORETYPE": "Haswell", "PATH": "here", "OMP_NUM_THREADS": "7"}
    wide, narrow = (surroundings.variables(caller, 2, isas) for isas in (None, ["avx2"]))
    assert "OPENBLAS_CORETYPE" not in wide and wide["PATH"] == "here" and wide["OMP_NUM_THREADS"] == "2"
    assert narrow.items() >= surroundings.AVX2.items() and not surroundings.held_to_avx2(["avx2", "avx512"])
    # Not begun anew for ever.
    assert surroundings.variables(wide, 2, None) == wide and surroundings.variables(narrow, 2, ["avx2"]) == narrow


def test_who_uses_avx512_is_seen():
    program = (
        "import numpy as np; from benchmarks import limits, surroundings; from refcompress import native\n"
        "registers, a = surroundings.Registers(limits.library()[1]), np.ones((64, 64), np.float32)\n"
        "spaces = {space.__name__: space for space in native.available()}\n"
        "print({name: registers.used(lambda: space.gemm_f32f32(a, a)) for name, space in spaces.items()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=surroundings.variables(os.environ, 1, ["avx2"]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(done.stdout) == {s.__name__: s.__name__ == "native.avx512" for s in native.available()}


@pytest.mark.parametrize("scheme, k, group", [("symmetric", 64, 32), ("affine", 66, 33), ("affine", 9, 3)])
def test_weights_of_four_bits_are_decoded_for_peers_as_the_format_does(scheme, k, group):
    w = np.random.default_rng(0).standard_normal((5, k)).astype(np.float32)
    q = reference.quantize_pack(reference.quantize_s8(w, bits=4, scheme=scheme, group=group))
    assert np.array_equal(weights.values(q), q.values) and weights.values(q).dtype == np.int8
    assert np.array_equal(weights.dense(q), q.dense()) and weights.dense(w) is w
