"""The saga as a Restate program: stock, payment, fulfillment and shipping are virtual objects, and so is the order.

Run by the peers' Python (bench/peers/tools.py), served by hypercorn; nothing of Orderlog is imported.
"""

from typing import Any

import restate

PLENTY = 1_000_000_000

stock = restate.VirtualObject("Stock")
payment = restate.VirtualObject("Payment")
fulfillment = restate.VirtualObject("Fulfillment")
shipping = restate.VirtualObject("Shipping")
order = restate.VirtualObject("Order")


def _done(what: str) -> str:
    """What a node or a carrier would have said."""
    return what


@stock.handler()
async def reserve(ctx: restate.ObjectContext, quantity: int) -> bool:
    free = await ctx.get("free", type_hint=int)
    free = PLENTY if free is None else free
    if free < quantity:
        return False
    ctx.set("free", free - quantity)
    return True


@stock.handler()
async def leave(ctx: restate.ObjectContext, quantity: int) -> None:
    left = await ctx.get("left", type_hint=int)
    ctx.set("left", (left or 0) + quantity)


@payment.handler()
async def authorise(ctx: restate.ObjectContext, amount: int) -> str:
    ctx.set("authorised", amount)
    return "authorised"


@payment.handler()
async def capture(ctx: restate.ObjectContext, amount: int) -> str:
    if await ctx.get("authorised", type_hint=int) != amount:
        raise restate.TerminalError("more is captured than was authorised")
    ctx.set("captured", amount)
    return "captured"


@fulfillment.handler()
async def fulfil(ctx: restate.ObjectContext, lines: list[Any]) -> str:
    for step in ("accepted", "picked", "packed"):
        ctx.set("state", await ctx.run_typed(step, _done, what=step))
    return "packed"


@shipping.handler()
async def ship(ctx: restate.ObjectContext, lines: list[Any]) -> str:
    for step in ("labelled", "handed over", "delivered"):
        ctx.set("state", await ctx.run_typed(step, _done, what=step))
    return "delivered"


@order.handler()
async def place(ctx: restate.ObjectContext, lines: list[Any]) -> str:
    """Lines are [article, quantity]; the answer comes when the order is completed."""
    ctx.set("state", "placed")
    amount = sum(quantity for _, quantity in lines)
    claims = [ctx.object_call(reserve, key=article, arg=quantity) for article, quantity in lines]
    for claim in await restate.gather(*claims):
        if not await claim:
            raise restate.TerminalError("an article ran out, and there is plenty of it")
    await ctx.object_call(authorise, key=ctx.key(), arg=amount)
    ctx.set("state", "confirmed")
    await ctx.object_call(fulfil, key=ctx.key(), arg=lines)
    await ctx.object_call(ship, key=ctx.key(), arg=lines)
    leaving = [ctx.object_call(leave, key=article, arg=quantity) for article, quantity in lines]
    await restate.gather(*leaving)
    await ctx.object_call(capture, key=ctx.key(), arg=amount)
    ctx.set("state", "completed")
    return "completed"


app = restate.app([stock, payment, fulfillment, shipping, order])
