"""A client that never returns: whoever called it goes on in time, and knows that the outcome is unknown."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Event, Thread, current_thread
from typing import Any
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, KafkaException

from chassis import unanswered
from chassis.kafka import KafkaLog, cluster
from chassis.kafka import producer as producing
from chassis.log import Indefinite, LogError, TooManyUnanswered
from chassis.unanswered import answered


def test_a_call_that_never_returns_has_an_unknown_outcome() -> None:
    # given a client that waits for a coordinator which never comes
    released = Event()
    # when it is called
    with pytest.raises(Indefinite, match="did not answer"):
        answered(released.wait, seconds=0.05)
    # then its caller was let go, and only the thread with the call stays
    released.set()


def test_a_client_with_such_a_call_inside_is_let_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a producer whose client never comes back from sending offsets
    client = Mock()
    released = Event()
    client.send_offsets_to_transaction.side_effect = lambda *_: released.wait()
    monkeypatch.setattr(producing, "Producer", lambda _: client)
    monkeypatch.setattr(producing, "ANSWER_TIMEOUT", 0.05)
    producer = KafkaLog("127.0.0.1:1").producer("order-0")
    producer.begin()
    with pytest.raises(Indefinite):
        producer.send_offsets("order.inbox", {0: 7}, object())
    # when it is closed, so that another takes its place
    producer.close()
    # then nobody takes the client away from the call that is still inside it
    assert not client.purge.called
    assert not client.close.called
    released.set()


def test_after_so_many_of_them_no_client_is_made_any_more_until_some_return(monkeypatch: pytest.MonkeyPatch) -> None:
    # given as many calls inside clients that never answer as there may be, of which one returns after all
    monkeypatch.setattr(producing, "Producer", Mock())
    monkeypatch.setattr(unanswered, "LEFT_ALONE_MAX", 2)
    monkeypatch.setattr(unanswered, "_left_alone", left := list[Thread]())
    first, second = Event(), Event()
    for released in (first, second):
        with pytest.raises(Indefinite):
            answered(released.wait, seconds=0.01)
    # when another producer is asked for, then it is refused, since only the end of the process would end them
    log = KafkaLog("127.0.0.1:1")
    with pytest.raises(TooManyUnanswered, match="2 calls"):
        log.producer("order-0")
    # and when one of them has returned, there is one again
    first.set()
    left[0].join()
    log.producer("order-0")
    second.set()


def test_a_client_that_does_not_close_is_left_alone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    client, released = Mock(), Event()
    client.close.side_effect = lambda: released.wait()
    monkeypatch.setattr(producing, "Producer", lambda _: client)
    monkeypatch.setattr(producing, "CLOSE_TIMEOUT", 0.01)
    monkeypatch.setattr(unanswered, "LEFT_ALONE_MAX", 1)
    monkeypatch.setattr(unanswered, "_left_alone", [])
    log = KafkaLog("127.0.0.1:1")
    log.producer("order-0").close()
    with pytest.raises(TooManyUnanswered):
        log.producer("order-0")
    released.set()


def test_what_a_call_raises_is_raised() -> None:
    def refuse() -> None:
        raise KeyError("this one")

    with pytest.raises(KeyError, match="this one"):
        answered(refuse, seconds=5)


def test_a_call_that_returns_was_made_once_and_apart() -> None:
    made: list[str] = []
    answered(lambda: made.append(current_thread().name), seconds=5)
    assert made == ["unanswered"]


class Asking:
    """A client that asks the leader which it knew when it was made."""

    def __init__(self, outcome: BaseException | int) -> None:
        self.outcome = outcome

    def list_offsets(self, wanted: dict[Any, Any], request_timeout: float) -> dict[Any, Future[Any]]:
        asked = Future[Any]()
        if isinstance(self.outcome, BaseException):
            asked.set_exception(self.outcome)
        else:
            asked.set_result(Mock(offset=self.outcome))
        return dict.fromkeys(wanted, asked)


@pytest.mark.parametrize("late", [TimeoutError(), KafkaException(KafkaError(KafkaError._TIMED_OUT))])
def test_after_a_leader_that_did_not_answer_its_follower_is_asked(
    monkeypatch: pytest.MonkeyPatch, late: BaseException
) -> None:
    # given a client that knows a leader which is away, and that one made anew knows who follows it
    clients = [Asking(late), Asking(7)]
    monkeypatch.setattr(cluster, "_admin_client", lambda bootstrap: clients.pop(0))
    log = KafkaLog("127.0.0.1:1")
    # when it is asked where a topic ends, then that is not known yet
    with pytest.raises(LogError, match="not known yet"):
        log.bounds("order.inbox", 0)
    # and when it is asked again, the other answers
    assert log.bounds("order.inbox", 0) == (7, 7)


def test_a_leader_of_another_epoch_is_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [Asking(KafkaException(KafkaError(KafkaError.FENCED_LEADER_EPOCH))), Asking(7)]
    monkeypatch.setattr(cluster, "_admin_client", lambda bootstrap: clients.pop(0))
    assert KafkaLog("127.0.0.1:1").bounds("order.inbox", 0) == (7, 7)
