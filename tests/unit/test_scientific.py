"""Sparse matrices, estimators, images, tensors, attrs classes, pydantic models: by what they are worth."""
from __future__ import annotations

import io
import pickle
import tracemalloc
from typing import Any

import pytest

from deepwatch_flow.hashing.frames import digest_frame
from deepwatch_flow.hashing.values import Undigestible, ValueHasher

digest = ValueHasher(digesters=[digest_frame]).digest


def test_a_big_array_is_read_without_a_copy():
    np = pytest.importorskip("numpy")
    array = np.ones((2000, 2000))
    for view in (array, array.T, array[::2], array[:, ::3]):
        tracemalloc.start()
        try:
            digest(view)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < array.nbytes / 8


def test_long_buffers_are_one_thing_however_they_are_held():
    data = bytes(range(256)) * 20
    assert digest(memoryview(data)) == digest(memoryview(bytearray(data)))
    assert digest(memoryview(data + data)[::2]) == digest(memoryview((data + data)[::2]))
    assert digest(memoryview(data).cast("B", (2, 2560))) != digest(memoryview(data))


def test_random_generators_count_by_their_state():
    np = pytest.importorskip("numpy")
    for make in (np.random.RandomState, np.random.default_rng, np.random.PCG64, np.random.SeedSequence):
        assert digest(make(1)) == digest(make(1)) != digest(make(2))
    used = np.random.default_rng(1)
    used.random()
    assert digest(used) != digest(np.random.default_rng(1))
    assert digest(pickle.loads(pickle.dumps(used))) == digest(used)


# -- scipy ----------------------------------------------------------------------------------------

FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_sparse_matrix_counts_by_its_cells(kind):
    sparse, np = pytest.importorskip("scipy.sparse"), pytest.importorskip("numpy")

    def made(*cells: Any) -> Any:
        values, rows, columns = zip(*cells)
        return sparse.coo_matrix((np.array(values), (rows, columns)), shape=(3, 4)).asformat(kind)

    one = made((1.0, 0, 1), (2.0, 2, 3), (3.0, 2, 0))
    assert digest(one) == digest(made((3.0, 2, 0), (1.0, 0, 1), (2.0, 2, 3))) == digest(one.copy())
    assert digest(one) != digest(made((1.0, 0, 1), (2.0, 2, 3), (4.0, 2, 0)))
    assert digest(one) != digest(made((1.0, 0, 1), (2.0, 2, 3), (3.0, 1, 0)))
    assert digest(one) != digest(one.astype("f4"))
    assert len({digest(one.asformat(other)) for other in FORMATS}) == len(FORMATS)


def test_how_a_sparse_matrix_lies_in_memory_does_not_count():
    sparse, np = pytest.importorskip("scipy.sparse"), pytest.importorskip("numpy")
    sorted_ = sparse.csr_matrix((np.array([1.0, 2.0]), np.array([0, 1]), np.array([0, 2])), shape=(1, 3))
    mixed = sparse.csr_matrix((np.array([2.0, 1.0]), np.array([1, 0]), np.array([0, 2])), shape=(1, 3))
    twice = sparse.csr_matrix((np.array([1.0, 1.5, 0.5]), np.array([0, 1, 1]), np.array([0, 3])), shape=(1, 3))
    wide = sorted_.copy()
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    before = digest(sorted_)
    assert sorted_.has_canonical_format  # asking leaves a note in the matrix
    assert digest(sorted_) == before == digest(mixed) == digest(twice) == digest(wide)
    assert mixed.indices.tolist() == [1, 0]  # and digesting changes nothing
    assert twice.nnz == 3


# -- scikit-learn ---------------------------------------------------------------------------------

def test_estimators_count_by_their_attributes(monkeypatch):
    pytest.importorskip("sklearn")
    np = pytest.importorskip("numpy")
    base, linear, ensemble = (pytest.importorskip(f"sklearn.{name}") for name in ("base", "linear_model", "ensemble"))
    cells, answers = np.arange(20.0).reshape(10, 2) ** 2, np.arange(10) % 2
    fitted = [lambda: linear.Ridge(), lambda: linear.Ridge(2.0), lambda: linear.Lasso(),
              lambda: linear.Ridge().fit(cells, answers), lambda: linear.Ridge().fit(cells, 1 - answers),
              lambda: ensemble.RandomForestClassifier(3, random_state=1).fit(cells, answers),
              lambda: ensemble.RandomForestClassifier(3, random_state=2).fit(cells, answers)]
    found = [digest(make()) for make in fitted]
    assert found == [digest(make()) for make in fitted]
    assert found == [digest(pickle.loads(pickle.dumps(make()))) for make in fitted]
    assert len(set(found)) == len(found)
    monkeypatch.setattr(base, "__version__", "99.0")
    assert found == [digest(make()) for make in fitted]


def test_the_order_in_which_an_estimator_got_its_attributes_does_not_count():
    linear = pytest.importorskip("sklearn.linear_model")
    one, other = linear.Ridge(), linear.Ridge()
    one.a_, one.b_ = 1, 2
    other.b_, other.a_ = 2, 1
    assert digest(one) == digest(other)

    class Own(linear.Ridge):
        pass

    assert digest(Own()) != digest(linear.Ridge())


# -- images ---------------------------------------------------------------------------------------

def test_images_count_by_their_pixels():
    image = pytest.importorskip("PIL.Image")
    one = image.new("RGB", (3, 2), (1, 2, 3))
    changed = one.copy()
    changed.putpixel((0, 0), (1, 2, 4))
    noted = one.copy()
    noted.info["dpi"] = (72, 72)
    variants = [one, changed, noted, one.convert("RGBA"), one.resize((2, 3)), one.quantize(4), changed.quantize(4)]
    assert len({digest(variant) for variant in variants}) == len(variants)
    assert digest(one) == digest(one.copy())
    for kind in ("PNG", "BMP"):
        file = io.BytesIO()
        one.save(file, kind)
        read = image.open(io.BytesIO(file.getvalue()))
        read.load()
        read.info = {}
        assert digest(read) == digest(one)


# -- torch ----------------------------------------------------------------------------------------

@pytest.mark.filterwarnings("ignore")
def test_tensors_count_by_their_cells():
    torch = pytest.importorskip("torch")
    one = torch.arange(6).reshape(2, 3)
    assert digest(one) == digest(one.clone()) == digest(one.T.contiguous().T) == digest(one.T.clone().T)
    variants = [one, one.T, one.float(), one.bfloat16(), one.reshape(6), one + 1, one[:1], torch.zeros(0), torch.zeros(0, 2),
                one.float().requires_grad_(), torch.nn.Parameter(one.float()), one.numpy(), one.float().to_sparse(),
                one.float().to_sparse_csr(), torch.tensor(1.0), torch.tensor(1 + 2j), torch.tensor(1 + 2j).conj()]
    assert len({digest(variant) for variant in variants}) == len(variants)
    assert digest(torch.tensor(1 + 2j).conj()) == digest(torch.tensor(1 - 2j))
    with pytest.raises(Undigestible, match="dense"):
        digest(torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8))


def test_modules_of_torch_count_by_their_state():
    torch = pytest.importorskip("torch")

    def made(seed: int) -> Any:
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())

    assert digest(made(1)) == digest(made(1)) == digest(pickle.loads(pickle.dumps(made(1)))) != digest(made(2))
    assert digest(made(1).state_dict()) == digest(made(1).state_dict()) != digest(made(2).state_dict())


# -- classes that packages make -------------------------------------------------------------------

@pytest.mark.parametrize("slots", [True, False])
def test_instances_of_attrs_classes_count_by_their_attributes(slots):
    attr = pytest.importorskip("attr")

    @attr.s(slots=slots, frozen=True, hash=True, cache_hash=True)
    class Pair:
        left = attr.ib()
        right = attr.ib(default=None)

    hashed = Pair("a", 1)
    hash(hashed)  # is remembered in the object, and another one in each process
    assert digest(hashed) == digest(Pair("a", 1))
    assert len({digest(Pair("a", 1)), digest(Pair("a", 2)), digest(Pair(1, "a")), digest(Pair("a"))}) == 4


def test_models_of_pydantic_count_by_their_fields():
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        names: Any
        count: int = 1

    assert digest(Model(names={"a", "b"})) == digest(Model(names={"b", "a"}))
    assert digest(Model(names=1)) != digest(Model(names=2))
    assert digest(Model(names=1)) != digest(Model(names=1, count=1))  # exclude_unset tells them apart


def test_what_a_package_refuses_is_told():
    sparse = pytest.importorskip("scipy.sparse")

    class Odd(sparse.csr_matrix):
        @property
        def shape(self) -> Any:
            raise OSError("the shape is on another disk")

    with pytest.raises(Undigestible, match="another disk"):
        digest([Odd.__new__(Odd)])
