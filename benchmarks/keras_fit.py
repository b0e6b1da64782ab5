"""A CNN in Keras, watched and not watched in turns within one `fit`.

``python keras_fit.py BACKEND SECONDS`` trains until the epochs that nobody watched have taken
SECONDS and prints, as JSON, the seconds of each epoch of three arms: ``bare``, ``control`` (bare
once more) and ``watched``, at the default budget. Each round has one epoch of each, in random
order. The first epoch of all is watched but not counted, since Keras compiles in it; what the
watcher spent there is ``first``, and on compiling its measured step ``compiling`` (seconds).

While an epoch is not watched, the model has its own function back, and the watcher's clock stands
still: a budget is a share of one's own time.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from typing import Any

ARMS = ("bare", "control", "watched")
ROWS, BATCH = 512, 32


def model() -> Any:
    """Return a compiled CNN of 65 thousand parameters."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((32, 32, 3))])
    for width in (16, 32, 64):
        net.add(layers.Conv2D(width, 3, padding="same", use_bias=False))
        net.add(layers.BatchNormalization())
        net.add(layers.Activation("relu"))
        net.add(layers.MaxPooling2D())
    net.add(layers.Flatten())
    net.add(layers.Dense(40, activation="relu"))
    net.add(layers.Dense(10))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile("adam", loss=loss, metrics=["accuracy"])
    return net


def main() -> None:
    os.environ["KERAS_BACKEND"] = sys.argv[1]
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np

    import unstuck.keras

    seconds: dict[str, list[float]] = {arm: [] for arm in ARMS}
    clock, monotonic = time.perf_counter, time.monotonic
    away = 0.0
    first: list[float] = []
    time.perf_counter = lambda: clock() - away
    time.monotonic = lambda: monotonic() - away
    dice = random.Random(0)
    watch = unstuck.keras.Watch()

    class Turns(keras.callbacks.Callback):  # type: ignore[misc]
        """Watches one epoch of three, and takes the time of all."""

        def on_train_begin(self, logs: Any = None) -> None:
            self.coming: list[str] = ["watched"]
            self.sessions: list[Any] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.arm = self.coming.pop()
            self.begin = clock()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            nonlocal away
            taken = clock() - self.begin
            if self.arm != "watched":
                away += taken
            if epoch:
                seconds[self.arm].append(taken)
            else:  # Keras compiles in it, and so does the watcher
                first.append(watch._watcher.pacing.spent)
            if not self.coming:
                self.model.stop_training = sum(seconds["bare"]) > limit
                self.coming = dice.sample(ARMS, len(ARMS))
            self.turn(self.coming[-1] == "watched")

        def turn(self, watched: bool) -> None:
            """Attach the watcher for the coming epoch, or take it off."""
            held = watch._watcher._sessions
            if not watched and held:
                self.sessions, held[:] = list(held), []
                for session in self.sessions:
                    session.restore()
            elif watched and not held:
                held[:] = self.sessions
                for session in held:
                    session.model.train_function = session._function

    data = np.random.default_rng(0)
    x = data.normal(size=(ROWS, 32, 32, 3)).astype("float32")
    y = data.integers(0, 10, ROWS)
    limit = float(sys.argv[2])
    turns = Turns()
    model().fit(x, y, BATCH, epochs=10**6, verbose=0, callbacks=[watch, turns])
    turns.turn(True)
    watcher = watch._watcher
    print(
        json.dumps(
            {
                **seconds,
                "first": first[0],
                "compiling": watcher.compiling,
                "deep": sum(training.deep for training in watcher._trainings),
                "failed": watcher.failed,
                "backend": keras.config.backend(),
                "version": keras.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
