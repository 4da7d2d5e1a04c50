"""What the chapters share: opening a run, and showing its figures, tables and numbers.

Nothing here computes a result. Figures, tables and numbers are sent to the notebook as plain MIME bundles, so the
chapters need neither jupyter-book nor myst_nb to run, and print the same on every machine.
"""

import base64
import io
import math
import os
import re
import zlib
from functools import cached_property

from ..base.errors import SarcoError
from ..evidence.run import Run as StoredRun

# TensorFlow and NumPy's BLAS read these once, when they load: no start-up notes, and a fixed number of threads, because
# the order of additions, and with it the last digits, changes with it. The products of a phantom are small: more
# threads would only wait for each other.
for _name, _value in (
    ("TF_CPP_MIN_LOG_LEVEL", "3"),
    ("TF_ENABLE_ONEDNN_OPTS", "0"),
    ("TF_NUM_INTRAOP_THREADS", "2"),
    ("OPENBLAS_NUM_THREADS", "1"),
):
    os.environ.setdefault(_name, _value)

PIXELS_PER_INCH = 112  # on the page; at this size a figure's text is as large as the text around it
SAME_CM2 = 0.1  # ten pixels or more: what another machine's last digits may move, and no other phantom comes as near
NUMBERS = "application/vnd.sarco.numbers+json"  # of an output that no viewer shows: texts, by name
DRAWN = "drawn"  # in the metadata of a PNG: the numbers of its figure, as CSV


class Run(StoredRun):
    """One run of the companion: its profile, cohort, ensemble and results, opened when first used.

    What the run does not have yet is a `SarcoError` that names the missing file.
    """

    wanted = ""

    @property
    def remedy(self):
        """What to do about a file that is missing."""
        return f"'make book PROFILE={self.profile.name}' makes it, or restore it with git"

    @cached_property
    def cohort(self):
        """Slices and masks. For the profile `published` these are the sample that comes with the repository."""
        from ..cohort.layout import Cohort

        self._require(self.profile.cohort_dir / "cohort.csv")
        return Cohort.open(self.profile.cohort_dir)

    @cached_property
    def ensemble(self):
        """The trained members, on Keras: every machine that runs the chapters has it, and prints the same digits."""
        from ..method.ensemble import Ensemble

        self._require(self.profile.weights_dir / "manifest.json")
        return Ensemble.load(self.profile.weights_dir, engine="keras")

    def sample(self, split=None):
        """Cases ("0001") whose slice is here and whose results are stored, in order; of one split, if it is named."""
        stored = set(self.results("cases").case)
        return sorted(case for case in self.cohort.cases(split) if case in stored)

    def read_case(self, case):
        """A slice (`sarco.ct.geometry.Slice`), the reader's mask and the true one, or None; a phantom is drawn again.

        That is done where its files are not here; it is a `SarcoError` if its stored results are of another phantom.
        """
        from ..ct.geometry import Slice

        if case in self.cohort.cases():
            return self.cohort.read_slice(case), self.cohort.read_mask(case), self.cohort.read_true_mask(case)
        drawn = self._draw(case)
        return Slice(drawn.image_hu, drawn.spacing_mm), drawn.mask, drawn.true_mask

    def true_tissues(self, case):
        """The true tissue of each pixel of a case, drawn again: an index into `sarco.ct.tissues.TISSUES`."""
        from ..phantom.tissues import true_labels

        return true_labels(self._draw(case))

    def _draw(self, case):
        """The phantom of a case; it must be that of the stored results."""
        from ..cohort.make import draw_case
        from ..method.surface import area_cm2
        from ..runs import opening

        stored = self.results("cohort").set_index("case").loc[case]
        later = opening.of(self) if stored.get("split") == "test" else None
        drawn = draw_case("reference", later.seed if later else self.profile.seed, int(case) - 1)
        for mask, column in ((drawn.mask, "area_cm2"), (drawn.true_mask, "true_area_cm2")):
            drawn_cm2 = area_cm2(mask, drawn.spacing_mm)
            if abs(drawn_cm2 - stored[column]) > SAME_CM2:
                raise SarcoError(
                    f"{self.profile.results_dir / 'cohort.csv'}: {column} of case {case} is {stored[column]:.1f}, and "
                    f"{drawn_cm2:.1f} where its phantom is drawn again, so the table is of another generator; make the "
                    "results anew."
                )
        return drawn

    def _require(self, path):
        if not path.is_file():
            raise SarcoError(f"{path}: no such file; {self.remedy}.")


def open_run(profile="published"):
    """Open a run by its profile (a name in workflow/profiles/, or the path of a YAML file), from whatever folder."""
    return Run(profile)


def agreement(live, stored, columns=("dsc", "area_cm2")):
    """Largest differences between results computed just now and the stored ones, by column.

    Both are tables of `sarco.runs.evaluation.evaluate`. A live row without a stored counterpart is a `SarcoError`:
    there is nothing to compare it with.
    """
    keys = ["case", "subset", "step"]
    both = live.merge(stored, on=keys, how="left", suffixes=("", "_stored"), validate="one_to_one")
    missing = both[f"{columns[0]}_stored"].isna()
    if missing.any() or both.empty:
        cases = ", ".join(sorted(set(both.case[missing]))) or "no case"
        raise SarcoError(f"cases.csv: no stored row to compare with for {cases}; run 'sarco evaluate' again.")
    return {column: float((both[column] - both[f"{column}_stored"]).abs().max()) for column in columns}


# Numbers -------------------------------------------------------------------------------------------------------------


def number(value, spec=""):
    """Write a value as the book prints it.

    Parameters
    ----------
    value : number, str or tuple
        A text stays as it is. Of (value, low, high) the interval stands behind: "3.7 (3.3 to 4.2)".
    spec : str
        A format, as ".3f".

    Returns
    -------
    str
        Never "nan", and never a negative zero.

    Raises
    ------
    ValueError
        The value is not a finite number.
    """
    if isinstance(value, tuple):
        return with_interval(*value, spec)
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number that can be printed")
    text = format(value, spec)
    return text[1:] if text.startswith("-") and not text.strip("-+0.,%") else text


def with_interval(value, low, high, spec=""):
    """Write a value with its interval behind it, or alone where a bound is None or NaN."""
    text = number(value, spec)
    if low is None or not (math.isfinite(low) and math.isfinite(high)):
        return text
    return f"{text} ({number(low, spec)} to {number(high, spec)})"


def keep(numbers):
    """Keep numbers for the text around the cell, into which workflow/prose.py writes them. Shows nothing.

    Parameters
    ----------
    numbers : dict
        Values, as `number` takes them, by "name:spec": {"test-dsc:.3f": dsc, "test-n": n}.
    """
    from IPython.display import display

    texts = {}
    for key, value in numbers.items():
        name, _, spec = key.partition(":")
        texts[name] = number(value, spec)
    display({NUMBERS: texts}, raw=True)


def side(interval, below, within, above, of=0):
    """One of three texts: (low, high) lies below a number, above it, or holds it or is not known."""
    low, high = (math.nan if end is None else end for end in interval)
    return below if high < of else above if low > of else within


# Tables and figures --------------------------------------------------------------------------------------------------


def table(frame):
    """Show a table as Markdown, whose columns and links read the same everywhere; the cell below holds its caption.

    Parameters
    ----------
    frame : DataFrame
        Of text, shown as it is, without its index: format the numbers first.
    """
    from IPython.display import display

    align = ["right" if _mostly_numbers(frame[column]) else "left" for column in frame.columns[1:]]
    rows = frame.to_markdown(index=False, disable_numparse=True, colalign=["left", *align])
    display({"text/markdown": rows}, raw=True)


def place(address):
    """A link to a figure or table by its address in the book, as "chapters/05-postprocessing.html#tab-steps"."""
    page, _, name = address.rpartition("/")[2].partition(".html#")
    number, _, title = page.partition("-")
    return f"[{f'chapter {int(number)}' if int(number) < 90 else f'the {title}'}]({page}.ipynb#{name})"


def _mostly_numbers(cells):
    return 2 * sum(bool(re.match(r"[+-]?\d", cell)) for cell in cells) > len(cells)


def interval_table(frame, columns, missing=None):
    """Show a table of numbers, each with its interval where it has one.

    Parameters
    ----------
    frame : DataFrame
    columns : dict of str to str
        What `column` writes, by heading.
    missing : str, optional
        Stands for a number that is NaN.
    """
    import pandas as pd

    texts = {heading: column(frame, field, missing) for heading, field in columns.items()}
    table(pd.DataFrame(texts, dtype=str))


def column(frame, field, missing=None):
    """Write one column of a DataFrame, by a field as "dsc:.3f", as a list of texts.

    The interval is that of dsc_low and dsc_high, if there are such columns. Others are named: "change low high:+.1f".
    """
    name, _, spec = field.partition(":")
    names = [name] if name in frame else name.split()
    if f"{name}_low" in frame:
        names += [f"{name}_low", f"{name}_high"]
    texts = []
    for value, *ends in frame[names].itertuples(index=False, name=None):
        unknown = missing is not None and value != value  # NaN
        texts.append(missing if unknown else number((value, *ends) if ends else value, spec))
    return texts


def wide(frame, index, by, value="value"):
    """A long table of value, low and high as `interval_table` takes it.

    One row for each `index`, and of each of `by`, as "dsc", the columns dsc, dsc_low and dsc_high.
    """
    import pandas as pd

    parts = {"": value, "_low": "low", "_high": "high"}
    pivots = [frame.pivot(index=index, columns=by, values=of).add_suffix(end) for end, of in parts.items()]
    return pd.concat(pivots, axis=1).loc[frame[index].unique()].rename_axis(index).reset_index()


def paper_and_run(rows):
    """A DataFrame of texts: what is compared, the paper's value, this run's; a row's fourth entry formats both."""
    import pandas as pd

    texts = [(what, *(number(value, *spec) for value in (paper, run))) for what, paper, run, *spec in rows]
    return pd.DataFrame(texts, columns=["", "The paper", "This run"], dtype=str)


def paper_table(rows):
    """Show what `paper_and_run` makes of the rows."""
    table(paper_and_run(rows))


def png(figure):
    """A figure (matplotlib) as the bytes of a PNG, trimmed; the same figure gives the same bytes."""
    from PIL import Image

    from .figures.style import theme

    drawn, out = io.BytesIO(), io.BytesIO()
    with theme():
        figure.savefig(drawn, format="png", bbox_inches="tight", pad_inches=0.06, pil_kwargs={"compress_level": 0})
    # The background is opaque: without the channel for transparency the same pixels take an eighth less. Pillow's own
    # strategy takes more room for the noise of a CT, and level 9 three times as long for a twentieth.
    Image.open(drawn).convert("RGB").save(out, "PNG", compress_level=7, compress_type=zlib.Z_DEFAULT_STRATEGY)
    return out.getvalue()


def show(figure):
    """Show a figure (matplotlib) as one PNG, whatever the notebook's plotting backend is.

    The numbers that it draws go along as CSV, in the metadata of the PNG, which no viewer shows.
    """
    from IPython.display import display

    from .figures.drawn import drawn
    from .figures.style import DPI

    data = png(figure)
    width = int.from_bytes(data[16:20], "big")  # the header of a PNG holds its width here
    about = {"width": round(width * PIXELS_PER_INCH / DPI)}
    if numbers := drawn(figure):
        about[DRAWN] = numbers
    bundle = {"image/png": base64.b64encode(data).decode("ascii") + "\n"}
    display(bundle, raw=True, metadata={"image/png": about})


def blocks(model):
    """Blocks of a U-net (keras.Model), read from its layers, in the order of the data.

    Each is (level, filters, number of 3 x 3 convolutions); level 0 is full resolution, and each pooling adds 1.
    """
    blocks, level = [], 0
    fresh = True  # the next convolution opens a block
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("MaxPooling2D", "UpSampling2D"):
            level += 1 if kind == "MaxPooling2D" else -1
            fresh = True
        elif kind == "Conv2D" and tuple(layer.kernel_size) == (3, 3):
            if fresh:
                blocks.append((level, layer.filters, 1))
            else:
                blocks[-1] = (level, layer.filters, blocks[-1][2] + 1)
            fresh = False
    return blocks
