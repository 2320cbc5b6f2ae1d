"""Training and prediction: every arm of every table goes through here.

* ``loop``: the one training loop; its docstring is the recipe;
* ``batches``: what it trains on: phases and streams of images, and batches drawn from them;
* ``prediction``: a trained network over a whole set, and AdaBN;
* ``state``: the modes and random states that a network runs in, found again afterwards as they were.
"""
