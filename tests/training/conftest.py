"""What the tests of training share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgehand.training import run as runs


@pytest.fixture
def cut_off() -> Callable[[Callable[[], object]], None]:
    """Starts a run that saves its state after every step, and ends it when that is saved for the third time."""

    class Killed(Exception):
        pass

    def start(run: Callable[[], object]) -> None:
        original, saves = runs.save_state, 0

        def save(state, path) -> None:
            nonlocal saves
            original(state, path)
            saves += 1
            if saves == 3:
                raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs, "SAVE_EVERY", 0.0)
            patch.setattr(runs, "save_state", save)
            with pytest.raises(Killed):
                run()

    return start
