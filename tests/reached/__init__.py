"""What the specifications of the services reach: drawn as the state diagrams of their pages, and reported where it is less
than their tables promise. A diagram shows what was seen to happen, so it cannot show what no specification proves.
"""
