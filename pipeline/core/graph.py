"""A pipeline as data: steps, what flows between them, and the rules they keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.core.component import Component
from slipline.pipeline.core.errors import GraphError


@dataclass(frozen=True, eq=False)
class Given:
    """An artifact that comes from outside, such as a schema a person reviewed.

    Attributes:
      name: What messages call it.
      artifact: The artifact.
      remedy: What a person can do where it is missing.
    """

    name: str
    artifact: Artifact
    remedy: str = "give the right path in the settings"

    @property
    def output(self) -> type[Artifact]:
        """The class of the artifact."""
        return type(self.artifact)


@dataclass(frozen=True, eq=False)
class Step:
    """One use of a component; it also stands for the artifact it makes.

    Attributes:
      name: Unique in its pipeline; the component's name unless said otherwise.
      component: What runs.
      inputs: For each artifact parameter, where it comes from.
      settings: For each settings parameter, its record.
      only_if: Gates: steps whose verdicts must have passed.
    """

    name: str
    component: Component[Any, Any]
    inputs: Mapping[str, Source]
    settings: Mapping[str, object]
    only_if: tuple[Step, ...] = ()

    @property
    def output(self) -> type[Artifact]:
        """The class of the artifact it makes."""
        return self.component.output

    @property
    def upstream(self) -> tuple[Step, ...]:
        """The steps that must come before it."""
        return (*(source for source in self.inputs.values() if isinstance(source, Step)), *self.only_if)


Source = Step | Given


@dataclass(frozen=True)
class Pipeline:
    """Steps in the order they run. A step can only take what was added before it, so there is no cycle.

    Attributes:
      name: Names the runs of this pipeline.
      steps: In the order added.
    """

    name: str
    steps: list[Step] = field(default_factory=list)

    def given(self, artifact: Artifact, *, remedy: str = Given.remedy) -> Given:
        """Brings in an artifact from outside; `remedy` says what to do where it is missing."""
        return Given(type(artifact).__name__.lower(), artifact, remedy)

    def add(
        self,
        component: Component[Any, Any],
        *,
        name: str | None = None,
        only_if: Sequence[Step] = (),
        **bindings: object,
    ) -> Step:
        """Adds a step that runs `component`.

        Args:
          component: What runs.
          name: The step's name; the component's own by default.
          only_if: Gates that must have passed.
          **bindings: For each of the component's parameters, a step or given artifact, or a settings record.

        Returns:
          The step, to be bound to others.

        Raises:
          GraphError: A binding is missing, unknown, of the wrong class, or from another pipeline.
        """
        step_name = name or component.name
        bound = {**component.defaults, **bindings}
        _name_is_new(step_name, self)
        _every_parameter_is_bound(step_name, component, bound)
        _no_binding_is_unknown(step_name, component, bound)
        inputs = {
            parameter: _source(step_name, component, parameter, bound[parameter]) for parameter in component.inputs
        }
        settings = {parameter: bound[parameter] for parameter in component.settings}
        _settings_are_of_their_class(step_name, component, settings)
        step = Step(step_name, component, inputs, settings, tuple(only_if))
        _upstream_is_in(step, self)
        _gates_are_verdicts(step)
        self.steps.append(step)
        return step

    def until(self, name: str) -> Pipeline:
        """The part of the pipeline that ends with the step called `name`.

        Raises:
          GraphError: There is none.
        """
        names = [step.name for step in self.steps]
        if name not in names:
            raise GraphError(f"pipeline {self.name!r} has no step {name!r}; it has {', '.join(names)}")
        needed = {self.steps[names.index(name)]}
        for step in reversed(self.steps):
            if step in needed:
                needed.update(step.upstream)
        return Pipeline(self.name, [step for step in self.steps if step in needed])

    def downstream_of(self, step: Step) -> tuple[Step, ...]:
        """Every step that needs `step`, directly or through others, in run order."""
        reached = {step}
        for other in self.steps:
            if reached.intersection(other.upstream):
                reached.add(other)
        return tuple(other for other in self.steps if other in reached and other is not step)


def _name_is_new(name: str, pipeline: Pipeline) -> None:
    if any(step.name == name for step in pipeline.steps):
        raise GraphError(f"pipeline {pipeline.name!r} has a step {name!r} already; give this one another name=")


def _every_parameter_is_bound(name: str, component: Component[Any, Any], bound: Mapping[str, object]) -> None:
    missing = [parameter for parameter in (*component.inputs, *component.settings) if parameter not in bound]
    if missing:
        raise GraphError(f"{name} is missing {', '.join(missing)}; pass each to add()")


def _no_binding_is_unknown(name: str, component: Component[Any, Any], bound: Mapping[str, object]) -> None:
    known = {**component.inputs, **component.settings}
    unknown = [parameter for parameter in bound if parameter not in known]
    if unknown:
        raise GraphError(f"{name} does not take {', '.join(unknown)}; it takes {', '.join(known) or 'nothing'}")


def _source(name: str, component: Component[Any, Any], parameter: str, value: object) -> Source:
    wanted = component.inputs[parameter]
    if not isinstance(value, Step | Given):
        raise GraphError(f"{name}.{parameter} must be {wanted.__name__} from a step or given(), got {value!r}")
    if not issubclass(value.output, wanted):
        origin = "step" if isinstance(value, Step) else "given"
        raise GraphError(
            f"{name}.{parameter} must be {wanted.__name__}, got {value.output.__name__} from {origin} {value.name!r}"
        )
    return value


def _settings_are_of_their_class(name: str, component: Component[Any, Any], settings: Mapping[str, object]) -> None:
    for parameter, value in settings.items():
        wanted = component.settings[parameter]
        if not isinstance(value, wanted):
            raise GraphError(f"{name}.{parameter} must be {wanted.__name__}, got {type(value).__name__} {value!r}")


def _upstream_is_in(step: Step, pipeline: Pipeline) -> None:
    strangers = [other.name for other in step.upstream if other not in pipeline.steps]
    if strangers:
        raise GraphError(
            f"{step.name} takes {', '.join(strangers)}, not a step of pipeline {pipeline.name!r}; add it first"
        )


def _gates_are_verdicts(step: Step) -> None:
    for gate in step.only_if:
        if not issubclass(gate.output, Verdict):
            raise GraphError(
                f"{step.name} only_if {gate.name}: a gate must make a Verdict, but it makes {gate.output.__name__}"
            )
