"""Draw the picture of the first page and of the README: a validation slice of the sample, from slice to mask.

Usage: python workflow/overview.py chapters/overview.png
"""

import sys

from sarco import book, figures
from sarco.files import atomic
from sarco.postprocess import postprocess


def main(path):
    run = book.open_run("published")
    ct = run.cohort.read_slice(run.sample("validation")[0])
    probability = run.ensemble.predict(ct.image_hu, ct.spacing_mm)
    mask = postprocess(probability, ct.image_hu)
    with atomic(path) as beside:
        beside.write_bytes(book.png(figures.overview(ct.image_hu, ct.spacing_mm, probability, mask)))


if __name__ == "__main__":
    main(sys.argv[1])
