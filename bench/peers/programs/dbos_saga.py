"""The saga as a DBOS Transact program on PostgreSQL: stock rows change in transactions of the datasource, the rest is steps.

Run by the peers' Python: `dbos_saga.py DATABASE EXECUTOR UNDER_WAY WARM_SECONDS SECONDS ARTICLES`. It makes its own load, in its own process, so that no
order has to come in by HTTP. A line "ready" is said when it is launched, then it waits for a line; "counting" when the warming ends; then JSON.
"""

import asyncio
import json
import sys
import time
from itertools import count
from typing import Any

import uvloop
from dbos import DBOS, AsyncSQLAlchemyDatasource
from sqlalchemy import text

LINES = 3
PLENTY = 1_000_000_000
POOL = 20

RESERVE = text("update stock set free = free - :quantity where article = :article and free >= :quantity")
LEAVE = text("update stock set gone = gone + :quantity where article = :article")


def saga(data: AsyncSQLAlchemyDatasource) -> Any:
    """The workflow over a datasource; it returns "completed"."""

    @data.transaction(name="reserve", isolation_level="READ COMMITTED")
    async def reserve(article: str, quantity: int) -> bool:
        found = await data.sql_session().execute(RESERVE, {"article": article, "quantity": quantity})
        return bool(found.rowcount)

    @data.transaction(name="leave", isolation_level="READ COMMITTED")
    async def leave(article: str, quantity: int) -> None:
        await data.sql_session().execute(LEAVE, {"article": article, "quantity": quantity})

    @DBOS.step(name="said")
    async def said(what: str) -> str:
        return what

    @DBOS.workflow(name="order")
    async def order(lines: list[list[Any]]) -> str:
        for article, quantity in lines:
            if not await reserve(article, quantity):
                raise RuntimeError("an article ran out, and there is plenty of it")
        await said("authorised")
        await said("confirmed")
        for step in ("accepted", "picked", "packed", "labelled", "handed over", "delivered"):
            await said(step)
        for article, quantity in lines:
            await leave(article, quantity)
        await said("captured")
        return "completed"

    return order


async def load(order: Any, under_way: int, warm: float, seconds: float, articles: int) -> dict[str, Any]:
    begin = time.monotonic() + warm
    end = begin + seconds
    took: list[float] = []
    numbers = count()

    async def customer() -> None:
        while (sent := time.monotonic()) < end:
            first = next(numbers) * LINES
            lines = [[f"B{(first + line) % articles}", 1] for line in range(LINES)]
            handle = await DBOS.start_workflow_async(order, lines)
            if (said := await handle.get_result()) != "completed":
                raise RuntimeError(f"an order was not completed: {said}")
            if begin <= (now := time.monotonic()) < end:
                took.append(now - sent)

    async def clock() -> None:
        await asyncio.sleep(warm)
        print("counting", flush=True)

    await asyncio.gather(clock(), *(customer() for _ in range(under_way)))
    return {"completed": len(took), "seconds": seconds, "took": took}


async def main(database: str, executor: str, under_way: int, warm: float, seconds: float, articles: int) -> None:
    url = database.replace("postgresql://", "postgresql+psycopg://")
    DBOS(
        config={
            "name": "saga",
            "system_database_url": url,
            "sys_db_pool_size": POOL,
            "executor_id": executor,
            "log_level": "ERROR",
            "run_migrations": True,
        }
    )
    data = await AsyncSQLAlchemyDatasource.create(url, engine_kwargs={"pool_size": POOL, "max_overflow": 0})
    order = saga(data)
    DBOS.launch()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps(await load(order, under_way, warm, seconds, articles)))


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]))
    )
