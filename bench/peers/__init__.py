"""Peers: the same order saga as programs of what a team would pick instead, measured on the same machine in the same run.

The saga of all of them, in the peers' favour wherever it could not be the same:

1. three lines are reserved, each with its article's stock, which only one at a time may change;
2. the payment is authorised, and the order confirmed;
3. a warehouse accepts, picks and packs; a carrier labels, takes over and delivers. Orderlog hears of these from outside, in
   messages that it handles exactly once; a peer does each as a durable step of its own, without a message;
4. the three lines leave the stock, the payment is captured, the order is completed.

No events, addresses, taxes, invoices, read models, and nothing to be rebuilt from: orders of a peer are an id and three lines.
What is durable in each is said where it is started. Nothing here is imported by the product, and nothing of it is installed with it.
"""
