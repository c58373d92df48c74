"""Sphinx configuration."""

project = "belay_actors"
author = "The belay_actors developers"
copyright = "2026, The belay_actors developers"  # noqa: A001  # Sphinx's name for it

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib_trio",
]
html_theme = "furo"
exclude_patterns = ["_build"]
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = False
