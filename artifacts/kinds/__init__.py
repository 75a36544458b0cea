"""Kinds of recipes. Each module makes one kind and offers the three functions of :class:`artifacts.makers.Kind`.

A new kind (npm, …) is one more module here and one line in ``artifacts.makers``. A kind whose inputs are pinned by a committed file also
offers ``bump(recipe, book, store)``, which writes that file and gives what it pinned.
"""
