"""What cures an obstacle: class `Remedy`, one remedy a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from unstuck.edits import Edit
from unstuck.findings import Applicability, Finding, Location
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.hand_subject import HandSubject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["Change", "Remedy", "Settings"]

Settings = Mapping[str, float]


@dataclass(frozen=True)
class Change:
    """One thing that a remedy changed in a live training, and how the source says the same.

    Attributes:
        what: What was changed, for the report: ``body.1: Sigmoid -> ReLU``.
        edit: The edit of the script that has the same effect bit for bit, or None where the
            script's own lines cannot say it.
        layers: The layers it concerns.
    """

    what: str
    edit: Edit | None = None
    layers: tuple[str, ...] = ()


class Remedy:
    """A change to a training that may cure an obstacle. Subclasses live one a file.

    The docstring has the sections *What it does*, *When it helps*, *Settings*, *Limits* and
    *References*; its first line is one sentence.
    """

    applicability: ClassVar[Applicability] = Applicability.UNSAFE
    stage: ClassVar[Literal["source", "model", "optimizer", "training"]] = "model"
    """What it changes; several remedies are applied in this order. A remedy of the stage "source"
    is never applied live: it rewrites passages of the script (`rewrite`), and its trials execute
    the rewritten script."""

    @classmethod
    def name(cls) -> str:
        """Return the remedy's name: the class name in kebab case."""
        return re.sub(r"(?<!^)(?=[A-Z][a-z]|(?<=[a-z])[A-Z])", "-", cls.__name__).lower()

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return settings worth trying, best first, derived from the evidence.

        An empty settings mapping means that the remedy has nothing to set. An empty sequence means
        that the remedy does not apply to this run.
        """
        return ({},)

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Change a PyTorch training before its optimizer exists; return what was changed.

        An empty list means "no effect". The random stream stays where it was; hooks, modes,
        dtypes, devices, freezing and ties are kept.
        """
        raise NotImplementedError

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Return what to change in a Keras script, every change with its edit.

        A Keras training is never treated live: its trials execute the edited script. An empty list
        means "no effect". Remedies of the stage "source" say it in `rewrite`.
        """
        return list(self.rewrite(subject.run, settings)) if self.stage == "source" else []

    def apply_by_hand(self, subject: HandSubject, settings: Settings) -> list[Change]:
        """Return what to change in a script that writes its updates out, every change with an edit.

        Such a training is never treated live. An empty list means "no effect".
        """
        return list(self.rewrite(subject.run, settings)) if self.stage == "source" else []

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Return changes whose edits are `Rewrite`s of the script, for the stage "source".

        Args:
            run: The untreated run; its locations say in which file and where.
            settings: One of `settings`.

        Returns:
            Nothing where the script is not written in a way that is understood for certain.
        """
        raise NotImplementedError

    @classmethod
    def label(cls, settings: Settings) -> str:
        """Return the remedy with its settings as `--remedy` takes it: ``use-adam=0.001``."""
        values = ",".join(f"{value:g}" for value in settings.values())
        return f"{cls.name()}={values}" if values else cls.name()

    def __repr__(self) -> str:
        return f"<remedy {self.name()}>"

    def place(self, run: Run) -> Location | None:
        """Return the line that a person changes who applies the remedy by hand, if it is known."""
        if self.stage == "optimizer":
            return run.optimizer.location
        if self.stage == "training":
            return run.optimizer.step_location
        return None

    def display(self, run: Run, settings: Settings) -> str:
        """Return what to tell a person who applies the remedy by hand: its first sentence."""
        return (self.__doc__ or "").strip().splitlines()[0]
