"""Draw the picture of the first page and of the README: a validation slice of the sample, from slice to mask.

Usage: python workflow/overview.py chapters/overview.png
"""

import sys

from sarco.base.files import atomic
from sarco.book import chapter, figures
from sarco.method.slice import measure_slice


def main(path):
    run = chapter.open_run("published")
    ct = run.cohort.read_slice(run.sample("validation")[0])
    found = measure_slice(ct.image_hu, ct.spacing_mm, run.ensemble)
    with atomic(path) as beside:
        beside.write_bytes(chapter.png(figures.overview(ct.image_hu, ct.spacing_mm, found.probability, found.mask)))


if __name__ == "__main__":
    main(sys.argv[1])
