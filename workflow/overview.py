"""Draw the picture of the first page and of the README: a validation slice of the sample, from slice to mask.

Usage: python workflow/overview.py chapters/overview.png
"""

import sys

from sarco.base.files import atomic
from sarco.book import chapter, figures
from sarco.method.postprocess import postprocess


def main(path):
    run = chapter.open_run("published")
    ct = run.cohort.read_slice(run.sample("validation")[0])
    probability = run.ensemble.predict(ct.image_hu, ct.spacing_mm)
    mask = postprocess(probability, ct.image_hu)
    with atomic(path) as beside:
        beside.write_bytes(chapter.png(figures.overview(ct.image_hu, ct.spacing_mm, probability, mask)))


if __name__ == "__main__":
    main(sys.argv[1])
