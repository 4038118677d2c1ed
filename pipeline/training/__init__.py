"""Training of the handwriting recogniser. Needs the ``training`` extra (PyTorch), which nothing at
run time does."""
