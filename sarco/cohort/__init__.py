"""Cohorts: slices and masks in one layout on disk, and how they get there.

`layout` is the layout, its reader, its check and its split. `make` writes phantoms; `importing` takes what a user has,
and `saros` one public set, whose images `fetch` brings; both fill a `store`. What comes in reads or fills that layout;
`runs`, `evidence` and `book` open it as a `layout.Cohort`.
"""
