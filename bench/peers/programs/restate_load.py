"""So many orders under way at once through Restate's ingress, for so many seconds; says as JSON how many were completed.

Run by the peers' Python: `restate_load.py INGRESS UNDER_WAY WARM_SECONDS SECONDS ARTICLES`. A line "counting" is said when the warming ends.
"""

import asyncio
import json
import sys
import time
import uuid
from itertools import count

import aiohttp

LINES = 3


async def main(ingress: str, under_way: int, warm: float, seconds: float, articles: int) -> None:
    begin = time.monotonic() + warm
    end = begin + seconds
    took: list[float] = []
    numbers = count()

    async def customer(session: aiohttp.ClientSession) -> None:
        while (sent := time.monotonic()) < end:
            first = next(numbers) * LINES
            lines = [[f"B{(first + line) % articles}", 1] for line in range(LINES)]
            async with session.post(f"{ingress}/Order/{uuid.uuid4().hex}/place", json=lines) as answer:
                said = await answer.text()
                if answer.status != 200 or said != '"completed"':
                    raise RuntimeError(f"an order was not completed: {answer.status} {said}")
            if begin <= (now := time.monotonic()) < end:
                took.append(now - sent)

    async def clock() -> None:
        await asyncio.sleep(warm)
        print("counting", flush=True)

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=60)
    ) as session:
        await asyncio.gather(clock(), *(customer(session) for _ in range(under_way)))
    print(json.dumps({"completed": len(took), "seconds": seconds, "took": took}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])))
