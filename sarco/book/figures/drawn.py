"""The numbers that a figure draws, as the table that the book offers with it."""

import csv
import io
from collections import Counter

import numpy as np
from matplotlib.collections import Collection, FillBetweenPolyCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

COLUMNS = "panel", "mark", "series", "colour", "x is", "x", "x to", "y is", "y", "y to"


def drawn(figure):
    """Write what a figure (matplotlib, saved before) draws as CSV: `COLUMNS`, or "" for pictures and diagrams.

    A row is a point of a line or of a cloud, a bar or whisker from one end to the other, a place of a band, or a corner
    of an area. What runs across the whole panel has no number in that direction; nor has what is not known.
    """
    legends = [*figure.legends, *filter(None, (axis.get_legend() for axis in figure.axes))]
    keys = [key for one in legends for key in zip(map(_colours, one.legend_handles), one.get_texts(), strict=True)]
    times = Counter(colours[0] for colours, _ in keys)
    series = {colours[0]: text.get_text() for colours, text in keys if times[colours[0]] == 1}
    rows = []
    for number, axis in enumerate(figure.axes, 1):
        if axis.images or axis.get_label() == "<colorbar>" or not (axis.axison and axis.get_visible()):
            continue
        panel = _line(axis.get_title("left") or axis.get_title()) or number
        sides, counts = (axis.xaxis, axis.yaxis), Counter()
        names, labels = [_names(side) for side in sides], [_line(side.get_label_text()) for side in sides]
        for artist in (*axis.lines, *axis.patches, *axis.collections):
            kind, transform, ends = _ends(artist)
            ends[:, ~np.repeat(transform.contains_branch_seperately(axis.transData), 2)] = np.nan
            counts[kind] += 1
            colours, own = _colours(artist), _line(str(artist.get_label()))
            for place, four in enumerate(ends):
                colour = colours[place % len(colours)]
                told = own if not own.startswith("_") else _line(series.get(colour, ""))
                x, x_to, y, y_to = (_told(value, names[at // 2]) for at, value in enumerate(four))
                row = [panel, f"{kind} {counts[kind]}", told, colour, labels[0], x, x_to, labels[1], y, y_to]
                # The corners of an area come twice; two points of a cloud may lie in one place.
                if any((x, x_to, y, y_to)) and not (kind == "area" and rows[-1:] == [row]):
                    rows.append(row)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([COLUMNS, *rows] if rows else [])
    return out.getvalue()


def _ends(artist):
    """Kind of a mark, the transform of its numbers, and these: rows of x, x to, y, y to."""
    if isinstance(artist, Line2D):
        return "line", artist.get_transform(), _points(artist.get_xydata())
    if isinstance(artist, PathCollection):
        return "cloud", artist.get_offset_transform(), _points(artist.get_offsets())
    if isinstance(artist, Collection):
        corners, transform = [path.vertices for path in artist.get_paths()], artist.get_transform()
    else:
        corners = [artist.get_patch_transform().transform(artist.get_path().vertices)]
        transform = artist.get_data_transform()
    if not corners:  # a band that is nowhere
        return "area", transform, np.empty((0, 4))
    if isinstance(artist, FillBetweenPolyCollection):
        along = "xy".index(artist.t_direction)
        xy = np.concatenate(corners)
        at = [xy[xy[:, along] == place] for place in np.unique(xy[:, along])]
        rows = np.array([np.stack([points.min(0), points.max(0)], 1).ravel() for points in at])
        rows[:, 2 * along + 1] = np.nan
        return "band", transform, rows
    if isinstance(artist, Rectangle):
        corners = [np.stack([xy.min(0), xy.max(0)]) for xy in corners]
    if all(len(xy) == 2 for xy in corners):
        return "bar", transform, np.reshape([xy.T for xy in corners], (-1, 4))
    return "area", transform, _points(np.concatenate(corners))


def _points(xy):
    """Points, as rows with no other end."""
    xy = np.ma.filled(np.ma.asarray(xy, float), np.nan)
    return np.insert(xy, [1, 2], np.nan, axis=1)


def _colours(artist):
    """The colours of a mark, of each of its points if they differ."""
    if isinstance(artist, Line2D):
        return [to_hex(artist.get_color())]
    faces = np.atleast_2d(artist.get_facecolor())
    return [to_hex(one) for one in (faces if faces.size else np.atleast_2d(artist.get_edgecolor()))] or [""]


def _names(side):
    """The places of an axis whose ticks are words, by place; none where its ticks are numbers."""
    places = side.get_ticklocs()
    texts = [
        _line(str(text)).replace("\N{MINUS SIGN}", "-") for text in side.get_major_formatter().format_ticks(places)
    ]
    if all(text.strip("-+.,0123456789 %") == "" or "$" in text for text in texts):
        return {}
    return dict(zip(places, texts, strict=True))


def _told(value, names):
    """A number, or the word of the tick that it belongs to, or nothing where it is not known."""
    if not np.isfinite(value):
        return ""
    nearest = min(names, key=lambda place: abs(place - value), default=np.inf)
    return names[nearest] if abs(nearest - value) < 0.5 else f"{value:.6g}"


def _line(text):
    return " ".join(text.split())
