"""Which samples an epoch is made of."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehand.errors import DataError, InputError
from edgehand.training.mixture import Mixture, mixture, read_share


def test_without_shares_every_sample_comes_once() -> None:
    assert sorted(Mixture((3, 4)).order(seed=0, epoch=0)) == [(index, 0) for index in range(7)]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.floats(0.01, 10)), min_size=1, max_size=5),
    st.integers(0, 9),
)
def test_every_source_gives_its_share_evenly(sources, epoch) -> None:
    sizes, shares = zip(*sources, strict=True)
    order = Mixture(sizes, shares).order(seed=1, epoch=epoch)
    assert len(order) == sum(sizes)
    first = 0
    for size, share in zip(sizes, shares, strict=True):
        counts = Counter(index for index, _ in order if first <= index < first + size)
        given_by_source = sum(counts.values())
        assert abs(given_by_source - share / sum(shares) * sum(sizes)) <= 1
        # No sample comes twice before all of its source came once.
        assert max(counts.values(), default=0) <= -(-given_by_source // size)
        # And each time that one comes, it is another draw.
        assert {draw for draw in order if first <= draw[0] < first + size} == {
            (index, times) for index, count in counts.items() for times in range(count)
        }
        first += size


def test_epochs_differ_and_come_again() -> None:
    mixed = Mixture((50, 50), (0.2, 0.8))
    assert mixed.order(seed=0, epoch=0) != mixed.order(seed=0, epoch=1)
    assert mixed.order(seed=0, epoch=1) == mixed.order(seed=0, epoch=1)


@pytest.mark.parametrize(
    ("text", "source", "share"),
    [
        ("coco:a", "coco:a", None),
        ("coco:a@0.5", "coco:a", 0.5),
        ("coco:me@home/a", "coco:me@home/a", None),
        ("coco:me@home/a@2", "coco:me@home/a", 2.0),
        ("coco:a@home", "coco:a@home", None),
    ],
)
def test_a_share_is_what_follows_the_last_at_sign(text, source, share) -> None:
    assert read_share(text) == (source, share)


@pytest.mark.parametrize("share", ["0", "-1", "nan", "inf", "1e308"])
def test_a_share_must_be_a_positive_number_that_can_be_summed(share) -> None:
    with pytest.raises(InputError, match=f"share {share}"):
        read_share(f"coco:a@{share}")


def test_shares_for_some_sources_only_are_refused() -> None:
    with pytest.raises(InputError, match="give it to all or to none"):
        mixture(["coco:a", "coco:b"], [1, 1], [0.5, None])


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="'coco:b': has a share but no hand"):
        mixture(["coco:a", "coco:b"], [1, 0], [0.5, 0.5])
