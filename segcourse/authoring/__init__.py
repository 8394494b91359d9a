"""Builds the notebooks from their sources, and refuses what is out of step.

One chapter is one file, `notebooks/source/NN_name.py`, of which `segcourse.authoring.build` makes `notebooks/en/NN_name.ipynb` and its
Korean twin. How a source is written stands in `.github/CONTRIBUTING.md`.
"""
