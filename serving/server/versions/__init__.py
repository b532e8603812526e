"""Versions of models in the server: found, loaded, warmed up, switched and unloaded.

`manager` decides which are loaded; `sources` finds them on disk, `loading` and `preparation` make one ready to answer.
"""
