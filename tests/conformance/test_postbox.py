"""What every postbox does: a folder, a mail server, and the one that tests of the worker stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pytest

from deploy.local.process import free_port
from services.order.postbox import Mail, OutboxFolder, Postbox
from services.order.smtp import CONNECTIONS_MAX, MailServer, Security, SmtpPostbox
from tests.doors.fakes import KeptPostbox
from tests.mailserver import HOST, MailHost, mail_host


class Bench:
    """A postbox, and eyes on what is in it. It can be taken away and brought back."""

    def __init__(
        self,
        postbox: Postbox,
        inside: Callable[[], list[bytes]],
        take_away: Callable[[], object],
        bring_back: Callable[[], object],
    ) -> None:
        self.postbox, self.inside, self.take_away, self.bring_back = postbox, inside, take_away, bring_back

    def put(self, *mails: Mail) -> list[str]:
        """Put these in at once; their names."""

        async def all_of_them() -> list[str]:
            return list(await asyncio.gather(*(self.postbox.put(mail) for mail in mails)))

        return asyncio.run(all_of_them())


def mail(key: str = "k1", text: str = "Hello") -> Mail:
    """A message as notices are, in short."""
    content = f"Message-ID: <{key}@example.com>\r\nTo: ada@example.org\r\nSubject: {key}\r\n\r\n{text}\r\n"
    return Mail(key, f"<{key}@example.com>", "orders@example.com", "ada@example.org", content.encode())


def of_folder(tmp_path: Path) -> Bench:
    folder = tmp_path / "home" / "outbox"
    aside = tmp_path / "aside"

    def take_away() -> None:
        folder.parent.mkdir(exist_ok=True)
        folder.rename(aside) if folder.exists() else aside.mkdir()
        folder.write_text("no folder")

    def bring_back() -> None:
        folder.unlink()
        aside.rename(folder)

    def inside() -> list[bytes]:
        return [file.read_bytes() for file in sorted(folder.glob("*"))]

    return Bench(OutboxFolder(folder), inside, take_away, bring_back)


def of_mail_server(ends: ExitStack) -> Bench:
    port, host, runs = free_port(), MailHost(), ExitStack()
    runs.enter_context(mail_host(port, host))
    ends.callback(runs.close)
    postbox = SmtpPostbox(MailServer(HOST, port, Security.NONE))

    def bring_back() -> None:
        runs.enter_context(mail_host(port, host))

    return Bench(postbox, lambda: [one.original_content or b"" for one in host.arrived], runs.close, bring_back)


def of_memory() -> Bench:
    postbox = KeptPostbox()

    def take_away() -> None:
        postbox.away = 1_000

    def bring_back() -> None:
        postbox.away = 0

    return Bench(postbox, lambda: [mail.content for mail in postbox.mails.values()], take_away, bring_back)


@pytest.fixture(params=["folder", "mail server", "memory"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as ends:
        yield {
            "folder": lambda: of_folder(tmp_path),
            "mail server": lambda: of_mail_server(ends),
            "memory": of_memory,
        }[request.param]()


def test_what_is_put_in_is_inside_whole(bench: Bench) -> None:
    odd = mail(text=".\r\n..dots\r\n=E2=82=AC\r\n" + "x" * 70)
    bench.put(odd)
    assert bench.inside() == [odd.content]


def test_put_in_again_it_is_the_same_message(bench: Bench) -> None:
    names = [*bench.put(mail()), *bench.put(mail())]
    assert len(set(names)) == 1
    assert {message_from_bytes(content)["Message-ID"] for content in bench.inside()} == {mail().message_id}
    assert len(bench.inside()) <= 2


def test_many_at_once_are_all_inside_under_names_of_their_own(bench: Bench) -> None:
    mails = [mail(f"k{number}") for number in range(3 * CONNECTIONS_MAX)]
    assert len(set(bench.put(*mails))) == len(mails)
    assert sorted(bench.inside()) == sorted(one.content for one in mails)


def test_while_it_takes_nothing_it_says_so_without_a_name_and_goes_on_afterwards(bench: Bench) -> None:
    bench.put(mail("before"))
    bench.take_away()
    with pytest.raises(OSError) as refused:
        bench.put(mail())
    assert "ada" not in str(refused.value)
    bench.bring_back()
    bench.put(mail())
    assert [message_from_bytes(content)["Subject"] for content in bench.inside()] == ["before", "k1"]


def test_what_is_taken_back_is_not_inside_or_is_on_its_way(bench: Bench) -> None:
    bench.put(mail("kept"), mail())
    back = asyncio.run(bench.postbox.take_back(mail().key))
    assert {message_from_bytes(content)["Subject"] for content in bench.inside()} == {"kept"} | (
        set() if back else {"k1"}
    )
    assert not asyncio.run(bench.postbox.take_back(mail().key))


def test_what_lies_in_the_folder_about_somebody_goes_when_they_are_forgotten(tmp_path: Path) -> None:
    folder = OutboxFolder(tmp_path)
    ada, ben, nobody = replace(mail("a"), customer="ada"), replace(mail("b"), customer="ben"), mail("c")
    for one in (ada, ben, nobody):
        asyncio.run(folder.put(one))

    assert folder.forget(["ada", "eve"]) == 1

    assert {path.name for path in tmp_path.iterdir()} == {"b.eml", "c.eml"}
    kept = message_from_bytes((tmp_path / "b.eml").read_bytes())
    assert (kept["Subject"], kept["To"]) == ("b", "ada@example.org")
