"""Cancelling the work of a node: at once until it has accepted; afterwards it answers line by line, within a deadline.

Its silence refuses, and so does handing over the goods before it answers. What it lets go of is put back on the shelf,
and the rest goes on where it stood.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from chassis.decider import Context
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import (
    CancelAnswer,
    CancelDecided,
    CancelDecision,
    CancelFulfillment,
    CancelRequested,
    Collected,
    DecidedLine,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentLine,
    HandedOver,
    NodeDocumentRepeated,
    Picked,
    PickedLine,
    RecordCancelDecision,
    RefusalReason,
)
from contracts.message import Event
from services.fulfillment.fulfillment_order_state import (
    CANCEL_ANSWER,
    GONE,
    FulfillmentOrder,
    Key,
    Stage,
    content_of,
    key_of,
)
from services.fulfillment.packages import now_holds, numbered_twice, packages_of
from services.fulfillment.refusals import ENDED, refused

__all__ = ["ANSWER_WITHIN", "answer_late", "cancel", "ended_by", "record_decision"]

ANSWER_WITHIN = timedelta(hours=4)
"""How long a node may think about a cancel: within a shift, so that the customer hears on the same day."""


# The request


def cancel(command: CancelFulfillment, state: FulfillmentOrder, context: Context) -> Sequence[Event]:
    """At once before the node has accepted the work, and of what was never seen; afterwards the node is asked. A part of
    it, where the command names units."""
    if state.created is None:
        return [FulfillmentCancelled(lines=(), seen=False, cause=command.cause, reply_to=context.reply_to)]
    asked, reply_to = state.created, context.reply_to or state.created.reply_to
    if command.request and command.request == state.request:
        return []
    if state.stage in GONE:
        reason = RefusalReason.ALREADY_DONE
        return [
            FulfillmentCancelRefused(
                order_id=asked.order_id,
                location=asked.location,
                lines=_named(command, state) if command.lines else _of(state, state.wanted),
                reason=reason,
                reply_to=reply_to,
            )
        ]
    if command.lines and state.stage not in ENDED:
        named = _named(command, state)
        if not named or (state.stage is Stage.OPEN and named != state.to_pick):
            return [] if state.cancel is not None else [_at_once(command, state, context, named)]
    if state.stage is Stage.OPEN or state.stage in ENDED:
        return [
            FulfillmentCancelled(
                order_id=asked.order_id,
                location=asked.location,
                lines=state.to_pick if state.stage is Stage.OPEN else (),
                seen=True,
                cause=command.cause,
                reply_to=reply_to,
            )
        ]
    return [] if state.cancel is not None else [_requested(command, state, context)]


def _requested(command: CancelFulfillment, state: FulfillmentOrder, context: Context) -> CancelRequested:
    named, all_of_it = _named(command, state), _of(state, state.wanted)
    part = bool(command.lines) and named != all_of_it
    return CancelRequested(
        order_id=state.asked.order_id,
        location=state.asked.location,
        lines=named if part else all_of_it,
        request=command.request,
        cause=command.cause,
        answer_by=context.now + ANSWER_WITHIN,
        part=part,
        reply_to=context.reply_to or state.asked.reply_to,
    )


def _at_once(
    command: CancelFulfillment, state: FulfillmentOrder, context: Context, named: Sequence[FulfillmentLine]
) -> CancelDecided:
    """A part of work that the node has not accepted: less to pick. Or of what it has nothing left, whatever it did."""
    lines = tuple(_decided_line(line, line.quantity, None) for line in named)
    return CancelDecided(
        order_id=state.asked.order_id,
        location=state.asked.location,
        request=command.request,
        decision=CancelDecision.AT_ONCE if named else CancelDecision.NOTHING_LEFT,
        lines=lines,
        packages=state.packages,
        part=True,
        reply_to=context.reply_to or state.asked.reply_to,
    )


def _of(state: FulfillmentOrder, units: Mapping[Key, int]) -> tuple[FulfillmentLine, ...]:
    """The lines as they were asked for, with so many units; those of which there are none are left out."""
    return tuple(
        line.model_copy(update={"quantity": units[key_of(line)]})
        for line in state.asked.lines
        if units.get(key_of(line))
    )


def _named(command: CancelFulfillment, state: FulfillmentOrder) -> tuple[FulfillmentLine, ...]:
    """The units that a command names, of those that are still to leave, or have left: of a line that several claims hold
    for, the last claims first."""
    left: Counter[str] = Counter()
    for named in command.lines:
        left[named.line] += named.quantity
    found: dict[Key, int] = {}
    for (line, sequence), there in sorted(state.wanted.items(), reverse=True):
        if taken := min(there, left[line]):
            found[line, sequence] = taken
            left[line] -= taken
    return _of(state, found)


# The answer


def record_decision(command: RecordCancelDecision, state: FulfillmentOrder, context: Context) -> Sequence[Event]:
    """The node's answer, line by line; what does not fit the question is refused by name, and may be put right."""
    if state.decided is not None and state.decided.document == command.document:
        if _says_the_same(command, state.decided):
            return [NodeDocumentRepeated(document=command.document, step=type(command).__name__)]
        detail = "this document said something else before; what it said stands"
        return [refused(command, state, context, RefusalReason.ALREADY_DONE, detail)]
    if state.cancel is None:
        return [_not_asked(command, state, context)]
    reason, objection = _objection(command, state)
    if reason is not None:
        return [refused(command, state, context, reason, objection)]
    return [_answered(command, state, context)]


def _not_asked(command: RecordCancelDecision, state: FulfillmentOrder, context: Context) -> Event:
    if state.stage in ENDED:
        return refused(command, state, context, ENDED[state.stage], f"it is {state.stage}")
    if state.stage in GONE:
        return refused(command, state, context, RefusalReason.ALREADY_DONE, f"it is {state.stage}")
    late = state.decided is not None and state.decided.decision is CancelDecision.SILENCE
    detail = "the answer came too late: silence has refused" if late else "nobody asked to cancel it"
    return refused(command, state, context, RefusalReason.NOT_ASKED, detail)


def _objection(command: RecordCancelDecision, state: FulfillmentOrder) -> tuple[RefusalReason | None, str | None]:
    """Why an answer cannot be taken, if so: it names every line once, no more units than are there, and why others stay."""
    wanted, answers = state.asked_back, {(line.line, line.sequence): line for line in command.lines}
    for (line, sequence), answer in answers.items():
        there = wanted.get((line, sequence))
        if there is None:
            return RefusalReason.UNKNOWN_LINE, f"nobody asks for line {line}"
        if answer.granted > there:
            return RefusalReason.MORE_THAN_ASKED, f"of line {line} {there} units are asked about, not {answer.granted}"
        if answer.granted < there and not answer.reason:
            return RefusalReason.REASON_MISSING, f"say why {there - answer.granted} units of line {line} are kept"
    if len(answers) < len(wanted) or len(answers) < len(command.lines):
        return RefusalReason.LINE_MISSING, "name every line once; a line that is kept whole has 0 granted"
    return _packages_objection(command, state, answers)


def _packages_objection(
    command: RecordCancelDecision, state: FulfillmentOrder, answers: Mapping[Key, CancelAnswer]
) -> tuple[RefusalReason | None, str | None]:
    """Packages are said again where they change, and only there: they must hold exactly what stays."""
    granted = {key: answer.granted for key, answer in answers.items()}
    stays = {key: there - granted.get(key, 0) for key, there in state.wanted.items() if there > granted.get(key, 0)}
    packed = bool(state.packages) and any(answer.granted for answer in answers.values()) and bool(stays)
    if numbered_twice(command.packages):
        return RefusalReason.DUPLICATE_PACKAGE, None
    if content_of(command.packages) != (stays if packed else {}):
        detail = "the packages must hold exactly what stays" if packed else "name no packages: none of them changes"
        return RefusalReason.DIFFERS_FROM_PICKED, detail
    return None, None


def _answered(command: RecordCancelDecision, state: FulfillmentOrder, context: Context) -> CancelDecided:
    answers = {(line.line, line.sequence): line for line in command.lines}
    granted = {key: answer.granted for key, answer in answers.items() if answer.granted}
    lines = tuple(
        _decided_line(line, granted.get(key_of(line), 0), answers[key_of(line)].reason)
        for line in _of(state, state.asked_back)
    )
    changed = packages_of(command.packages, state.inside, context)
    return CancelDecided(
        **_common(state),
        decision=CancelDecision.ANSWERED,
        document=command.document,
        lines=lines,
        put_back=tuple(_put_back(state, granted)),
        packages=changed if granted else state.packages,
        occurred_at=command.occurred_at,
    )


def _common(state: FulfillmentOrder) -> dict[str, Any]:
    asked = state.cancel
    assert asked is not None, "a request that was not made has no answer"
    return {
        "order_id": asked.order_id,
        "location": asked.location,
        "request": asked.request,
        "part": asked.part,
        "reply_to": asked.reply_to,
    }


def _decided_line(line: FulfillmentLine, granted: int, reason: str | None) -> DecidedLine:
    return DecidedLine(
        line=line.line,
        sequence=line.sequence,
        sku=line.sku,
        granted=granted,
        refused=line.quantity - granted,
        unit=line.unit,
        reason=reason if line.quantity > granted else None,
    )


def _put_back(state: FulfillmentOrder, granted: Mapping[Key, int]) -> Iterator[PickedLine]:
    """What goes back on the shelf: with the last unit of a line also what was taken beyond it. Of a part nobody knows
    the lots and serials."""
    wanted = state.wanted
    for line in state.inside:
        units = granted.get(key_of(line), 0)
        if units and units == wanted[key_of(line)]:
            yield line
        elif units:
            yield line.model_copy(update={"quantity": units, "traced": ()})


def _says_the_same(command: RecordCancelDecision, decided: CancelDecided) -> bool:
    """Whether a document that comes again says what it said before, of packages where it had to."""
    before = {(line.line, line.sequence): (line.granted, line.reason) for line in decided.lines}
    kept = {(line.line, line.sequence) for line in decided.lines if line.refused}
    now = {
        (line.line, line.sequence): (line.granted, line.reason if (line.line, line.sequence) in kept else None)
        for line in command.lines
    }
    changed = decided.packages if any(line.granted for line in decided.lines) else ()
    packages = now_holds(command.packages) == now_holds(changed)
    return packages and now == before and len(command.lines) == len(before)


# What ends a request without an answer


def answer_late(message: DeadlinePassed, state: FulfillmentOrder, context: Context) -> Sequence[Event]:
    """The node said nothing: it goes on with its work."""
    if state.cancel is None or message.name != CANCEL_ANSWER or message.due != state.cancel.answer_by:
        return []
    return [_all_kept(state, CancelDecision.SILENCE, "no answer in time")]


def ended_by(fact: Event, state: FulfillmentOrder) -> Sequence[Event]:
    """What a fact of the node makes of a request that it has not answered: goods that left, or were not found, are no
    longer there to be let go of."""
    if state.cancel is None:
        return []
    match fact:
        case HandedOver() | Collected():
            return [_all_kept(state, CancelDecision.LEFT, "it has left")]
        case Picked() if not _asked_for_among(fact, state):
            return [CancelDecided(**_common(state), decision=CancelDecision.NOTHING_LEFT, lines=())]
    return []


def _all_kept(state: FulfillmentOrder, decision: CancelDecision, reason: str) -> CancelDecided:
    lines = tuple(_decided_line(line, 0, reason) for line in _of(state, state.asked_back))
    return CancelDecided(**_common(state), decision=decision, lines=lines, packages=state.packages)


def _asked_for_among(fact: Picked, state: FulfillmentOrder) -> bool:
    """Whether any of what a cancel asks about was found."""
    return any(line.quantity and (key_of(line) in state.asked_back) for line in fact.lines)
