"""A pipeline as data: steps, what flows between them, and the rules they keep."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import shorten
from typing import Any

from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.core.component import Component, Input
from slipline.pipeline.core.errors import GraphError
from slipline.pipeline.core.plain_values import Misfit, fitted


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
      inputs: For each artifact parameter, where it comes from: one source, several, or None.
      settings: For each settings parameter, its value.
      only_if: Gates: steps whose verdicts must have passed; else this one is blocked.
      unless: Conditions: it runs only where one of these verdicts did not pass; else it is not needed.
      retries: How often it is tried again after a failure of its own.
      timeout_s: How long one try may take; None for as long as it wants.
    """

    name: str
    component: Component[Any, Any]
    inputs: Mapping[str, Bound]
    settings: Mapping[str, object]
    only_if: tuple[Step, ...] = ()
    unless: tuple[Step, ...] = ()
    retries: int = 0
    timeout_s: float | None = None

    @property
    def output(self) -> type[Artifact]:
        """The class of the artifact it makes."""
        return self.component.output

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where its inputs come from, in the order of its parameters."""
        return tuple(source for bound in self.inputs.values() for source in sources_of(bound))

    @property
    def upstream(self) -> tuple[Step, ...]:
        """The steps that must come before it."""
        steps = (source for source in self.sources if isinstance(source, Step))
        return tuple(dict.fromkeys([*steps, *self.only_if, *self.unless]))


Source = Step | Given
Bound = Source | tuple[Source, ...] | None
"""What an artifact parameter is bound to."""


@dataclass
class Pipeline:
    """Steps in the order they run. A step can only take what was added before it, so there is no cycle.

    Attributes:
      name: Names the runs of this pipeline.
      steps: In the order added.
      last: The step that runs when all others are through, whatever happened; None if there is none.
    """

    name: str
    steps: list[Step] = field(default_factory=list)
    last: Step | None = None

    def __post_init__(self) -> None:
        """Checks its name."""
        _names_a_pipeline(self.name)

    def given(self, artifact: Artifact, *, remedy: str = Given.remedy) -> Given:
        """Brings in an artifact from outside; `remedy` says what to do where it is missing.

        Raises:
          GraphError: It is no artifact that lies at a `Path`.
        """
        if not isinstance(artifact, Artifact) or not isinstance(artifact.path, Path):
            raise GraphError(f"what is given must be an artifact whose path is a pathlib.Path, got {artifact!r}")
        return Given(type(artifact).__name__.lower(), artifact, remedy)

    def add(
        self,
        component: Component[Any, Any],
        /,
        *,
        name: str | None = None,
        only_if: Sequence[Step] = (),
        unless: Sequence[Step] = (),
        retries: int = 0,
        timeout_s: float | None = None,
        **bindings: object,
    ) -> Step:
        """Adds a step that runs `component`.

        Args:
          component: What runs.
          name: The step's name; the component's own by default.
          only_if: Gates that must have passed.
          unless: Verdicts of which one must not have passed; else the step is not needed.
          retries: How often to try again after a failure of its own.
          timeout_s: How long one try may take.
          **bindings: For each of the component's parameters, a step or given artifact (or several), or a setting.

        Returns:
          The step, to be bound to others.

        Raises:
          GraphError: A binding is missing, unknown, of the wrong class or type, or from another pipeline.
        """
        _is_component(component)
        if component.outcome:
            raise GraphError(
                f"{name or component.name}.{component.outcome} is how the run ended, which no step before its end can "
                "know; add it with at_end()"
            )
        step = self._step(component, name, bindings, only_if, unless, retries, timeout_s)
        self.steps.append(step)
        return step

    def at_end(
        self,
        component: Component[Any, Any],
        /,
        *,
        name: str | None = None,
        retries: int = 0,
        timeout_s: float | None = None,
        **bindings: object,
    ) -> None:
        """Names what runs when all steps are through, whatever happened, such as to notify or to clean up.

        Args:
          component: What runs; one of its parameters is annotated `RunOutcome`. Inputs from steps must be optional, as
            a step may not have come to its end.
          name: The step's name; the component's own by default.
          retries: How often to try again after a failure of its own.
          timeout_s: How long one try may take.
          **bindings: As for `add`.

        Raises:
          GraphError: As for `add`; or there is such a step already.
        """
        _is_component(component)
        step = self._step(component, name, bindings, (), (), retries, timeout_s)
        if not component.outcome:
            raise GraphError(f"{step.name} runs at the end, so it must have a parameter annotated RunOutcome")
        if self.last:
            raise GraphError(f"pipeline {self.name!r} ends with {self.last.name!r} already, so not with {step.name!r}")
        for parameter, bound in step.inputs.items():
            if isinstance(bound, Step) and not component.inputs[parameter].optional:
                raise GraphError(
                    f"{step.name}.{parameter} must be {component.inputs[parameter]} | None: it runs whatever happened, "
                    f"also where step {bound.name!r} made nothing"
                )
        self.last = step

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
        return Pipeline(self.name, [step for step in self.steps if step in needed], _without_others(self.last, needed))

    def downstream_of(self, step: Step) -> tuple[Step, ...]:
        """Every step that needs `step`, directly or through others, in run order."""
        reached = {step}
        for other in self.steps:
            if any(source in reached for source in other.upstream):
                reached.add(other)
        return tuple(other for other in self.steps if other in reached and other is not step)

    def _step(
        self,
        component: Component[Any, Any],
        name: str | None,
        bindings: Mapping[str, object],
        only_if: Sequence[Step],
        unless: Sequence[Step],
        retries: int,
        timeout_s: float | None,
    ) -> Step:
        step_name = name or component.name
        bound = {**component.defaults, **bindings}
        _can_be_found_again(step_name, component)
        _names_a_folder(step_name)
        _name_is_new(step_name, self)
        _every_parameter_is_bound(step_name, component, bound)
        _no_binding_is_unknown(step_name, component, bound)
        _tries_make_sense(step_name, retries, timeout_s)
        step = Step(
            step_name,
            component,
            {
                parameter: _bound(step_name, parameter, kind, bound[parameter])
                for parameter, kind in component.inputs.items()
            },
            {
                parameter: _setting(step_name, parameter, kind, bound[parameter])
                for parameter, kind in component.settings.items()
            },
            _verdicts(step_name, "only_if", only_if),
            _verdicts(step_name, "unless", unless),
            retries,
            timeout_s,
        )
        _upstream_is_in(step, self)
        _can_run(step)
        return step


def sources_of(bound: Bound) -> tuple[Source, ...]:
    """Where what a parameter is bound to comes from."""
    return bound if isinstance(bound, tuple) else (bound,) if bound is not None else ()


def _without_others(last: Step | None, kept: Collection[Step]) -> Step | None:
    """The step at the end, with nothing to take from steps that are not kept."""

    def is_kept(source: Source) -> bool:
        return isinstance(source, Given) or source in kept

    def left(bound: Bound) -> Bound:
        if isinstance(bound, tuple):
            return tuple(filter(is_kept, bound))
        return bound if bound is not None and is_kept(bound) else None

    return last and replace(last, inputs={name: left(bound) for name, bound in last.inputs.items()})


def _is_component(given: object) -> None:
    if not isinstance(given, Component):
        raise GraphError(f"a step runs a component, got {given!r}; put @component above the function")


def _names_a_pipeline(name: object) -> None:
    """Checks that it fits a line of a table, and a file's name."""
    if not isinstance(name, str) or not re.fullmatch(r"\w[^/]{0,99}", name) or not name.isprintable():
        raise GraphError(
            "the name of a pipeline must be up to 100 printable characters other than / that begin with a letter or "
            f"digit, got {shorten(repr(name), 200)}"
        )


def _names_a_folder(name: str) -> None:
    if not re.fullmatch(r"\w[\w .-]{0,99}", name):
        raise GraphError(
            f"a step's results lie in a folder of its name, so it must be up to 100 letters, digits, spaces or any of "
            f"_.- after the first, got {name!r}"
        )


def _name_is_new(name: str, pipeline: Pipeline) -> None:
    steps = [*pipeline.steps, *filter(None, [pipeline.last])]
    if any(step.name == name for step in steps):
        raise GraphError(f"pipeline {pipeline.name!r} has a step {name!r} already; give this one another name=")


def _can_be_found_again(name: str, component: Component[Any, Any]) -> None:
    """Another process finds a component by the name of its function."""
    found = getattr(sys.modules.get(component.module), component.name, None)
    if not isinstance(found, Component) or found.function is not component.function:
        raise GraphError(
            f"{name}: another process could not find the component, as {component.module}.{component.name} is not it; "
            f"put @component above the function {component.name}, and nothing else under that name"
        )


def _every_parameter_is_bound(name: str, component: Component[Any, Any], bound: Mapping[str, object]) -> None:
    missing = [parameter for parameter in (*component.inputs, *component.settings) if parameter not in bound]
    if missing:
        raise GraphError(f"{name} is missing {', '.join(missing)}; pass each by name")


def _no_binding_is_unknown(name: str, component: Component[Any, Any], bound: Mapping[str, object]) -> None:
    known = {**component.inputs, **component.settings}
    unknown = [parameter for parameter in bound if parameter not in known]
    if unknown:
        raise GraphError(f"{name} does not take {', '.join(unknown)}; it takes {', '.join(known) or 'nothing'}")


def _tries_make_sense(name: str, retries: int, timeout_s: float | None) -> None:
    if _setting(name, "retries", int, retries) < 0:
        raise GraphError(f"{name}.retries must be 0 or more, got {retries}")
    if timeout_s is not None and not _setting(name, "timeout_s", float, timeout_s) > 0:
        raise GraphError(f"{name}.timeout_s must be above 0, or None for no limit, got {timeout_s}")


def _bound(name: str, parameter: str, taken: Input, value: object) -> Bound:
    where = f"{name}.{parameter}"
    if taken.many:
        if not isinstance(value, tuple | list):
            raise GraphError(f"{where} must be {taken}: a list of steps or given(), got {_words(value)}")
        return tuple(_source(where, taken, each) for each in value)
    if value is None and taken.optional:
        return None
    return _source(where, taken, value)


def _source(where: str, taken: Input, value: object) -> Source:
    if not isinstance(value, Step | Given):
        raise GraphError(f"{where} must be {taken} from a step or given(), got {_words(value)}")
    if not issubclass(value.output, taken.kind):
        raise GraphError(f"{where} must be {taken}, got {_words(value)}")
    return value


def _words(value: object) -> str:
    if isinstance(value, Step | Given):
        return f"{value.output.__name__} from {type(value).__name__.lower()} {value.name!r}"
    return repr(value)


def _setting(name: str, parameter: str, kind: Any, value: object) -> Any:
    try:
        return fitted(kind, value)
    except Misfit as misfit:
        raise GraphError(f"{name}.{parameter} {misfit}") from None


def _upstream_is_in(step: Step, pipeline: Pipeline) -> None:
    strangers = [other.name for other in step.upstream if other not in pipeline.steps]
    if strangers:
        raise GraphError(
            f"{step.name} takes {', '.join(strangers)}, not a step of pipeline {pipeline.name!r}; add it first"
        )


def _verdicts(name: str, role: str, gates: Sequence[Step]) -> tuple[Step, ...]:
    if not isinstance(gates, list | tuple):
        raise GraphError(f"{name}.{role} must be a list of steps, got {_words(gates)}; write {role}=[...]")
    for gate in gates:
        if not isinstance(gate, Step) or not issubclass(gate.output, Verdict):
            raise GraphError(f"{name}.{role} must be of steps that make a Verdict, got {_words(gate)}")
    return tuple(gates)


def _can_run(step: Step) -> None:
    if both := [gate.name for gate in step.only_if if gate in step.unless]:
        raise GraphError(f"{step.name} never runs: {', '.join(both)} must have passed and must not have")
