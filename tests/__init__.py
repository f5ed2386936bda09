"""The tests of Fanal: a package by name, since libraries install packages called `tests` too."""
