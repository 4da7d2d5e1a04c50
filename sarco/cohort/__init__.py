"""Cohorts: slices and masks in one layout on disk, and the ways in which they get there.

`layout` is the layout, its reader, its check and its split. `make` writes phantoms; `importing` takes what a user has,
and `saros` one public set, whose images `fetch` brings; both fill a `store`. Every other room reads a `layout.Cohort`.
"""
