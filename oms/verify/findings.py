"""What was checked, how often, and what was found to be broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from oms.verify.records import Place
from oms.verify.rules import RULES, Rule

__all__ = ["Findings", "State", "Violation"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One break of a rule: where, if it lies in a topic, and what is wrong."""

    what: str
    place: Place | None = None


class State:
    """How a rule ended."""

    HOLDS = "holds"
    BROKEN = "BROKEN"
    UNCHECKED = "NOTHING CHECKED"
    NONE_YET = "none yet"
    NOT_APPLICABLE = "not applicable"


@dataclass
class Findings:
    """Counts by rule. `first` is the first violation of each rule; `unjudged` what was on its way while we read, or is
    not kept any more, by what it is."""

    checked: Counter[str] = field(default_factory=Counter)
    violated: Counter[str] = field(default_factory=Counter)
    first: dict[str, Violation] = field(default_factory=dict)
    not_applicable: dict[str, str] = field(default_factory=dict)
    unjudged: Counter[str] = field(default_factory=Counter)

    def expect(self, rule: str, holds: bool, what: str, place: Place | None = None) -> None:
        """Count a case, and keep it when it breaks the rule."""
        self.checked[rule] += 1
        if not holds:
            self.broken(rule, what, place)

    def broken(self, rule: str, what: str, place: Place | None = None, count: int = 1) -> None:
        """So many cases that were counted break the rule; `what` and `place` are of the first of them."""
        self.violated[rule] += count
        self.first.setdefault(rule, Violation(what, place))

    def excuse(self, rules: str, why: str) -> None:
        """This installation cannot have any case of an invariant or rule, and why."""
        for rule in RULES.values():
            if rules in (rule.invariant, rule.name):
                self.not_applicable[rule.name] = why

    def state(self, rule: Rule) -> str:
        """How a rule ended: a rule with no case has failed, unless it may have none, which is said."""
        if self.violated[rule.name]:
            return State.BROKEN
        if self.checked[rule.name]:
            return State.HOLDS
        if rule.name in self.not_applicable:
            return State.NOT_APPLICABLE
        return State.NONE_YET if rule.may_be_none else State.UNCHECKED

    def joined(self, other: Findings) -> Findings:
        """Both together; the first violations of this one go first."""
        return Findings(
            self.checked + other.checked,
            self.violated + other.violated,
            {**other.first, **self.first},
            {**other.not_applicable, **self.not_applicable},
            self.unjudged + other.unjudged,
        )

    @property
    def states(self) -> Mapping[str, str]:
        """The state of every rule."""
        return {name: self.state(rule) for name, rule in RULES.items()}

    @property
    def clean(self) -> bool:
        """Whether nothing is broken and nothing that had to be checked was left unchecked."""
        return not {State.BROKEN, State.UNCHECKED} & set(self.states.values())
