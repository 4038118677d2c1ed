"""Training of the handwriting recogniser; needs the ``training`` extra (PyTorch), which nothing at run time does."""
