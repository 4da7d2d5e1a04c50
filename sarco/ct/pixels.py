"""Stored values of one slice, decoded: plain, or compressed in any way that an installed decoder reads."""

import struct

import numpy as np
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ..base.errors import refuse, refusing, short
from . import apart
from .header import number

START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # markers of JPEG, the last of JPEG-LS
END_OF_IMAGE = b"\xff\xd9"
LAST = ("pillow", "gdcm")  # of the decoders, in this order


def stored_values(header, path, frame=None):
    """Values as the file holds them, (rows, columns), of one frame counted from 1; may raise `Refused`."""
    refuse("PixelData" not in header, "no pixel data (cut short, or a header only); export it again.")
    syntax = header.file_meta.get("TransferSyntaxUID")
    refuse(syntax is None, "it does not say how its pixels are stored (no transfer syntax); export it again.")
    try:
        decoder = get_decoder(syntax)
    except (NotImplementedError, TypeError, AttributeError):
        decoder = None
    name = short(getattr(syntax, "name", syntax))
    refuse(decoder is None or not decoder.is_available, f"compressed as {name} ({short(syntax)}), which no installed "
           "decoder reads; export it uncompressed.")  # fmt: skip
    compressed, index = syntax.is_encapsulated, (frame or 1) - 1
    shift = _shift(header, compressed)
    # pydicom shifts what Pillow reads of signed JPEG 2000 by half its range where the header says unsigned. GDCM reads
    # what nothing else does, and fails worse on broken data than the others: with the process that it runs in.
    plugins = decoder.available_plugins
    first = min(plugins, key=lambda name: LAST.index(name) if name in LAST else -1, default=None)
    options = {"decoding_plugin": first} if plugins else {}
    if shift:
        options["correct_unused_bits"] = False
    with refusing("the pixel data cannot be decoded ({}); export it again."):
        if compressed:
            count = int(header.NumberOfFrames) if frame else 1
            _check_stream(get_frame(header.PixelData, index, number_of_frames=count), header)
        # Of many frames stored plainly, only the one is read, which works on a file as it lies there.
        as_it_lies = frame and header.preamble and not compressed and syntax != DeflatedExplicitVRLittleEndian
        if options.get("decoding_plugin") == "gdcm":
            pixels = apart.pixel_array(header, index, options)
        else:
            pixels = pixel_array(path if as_it_lies else header, index=index, **options)
    refuse(pixels.ndim != 2, f"pixel data of shape {pixels.shape}, where one slice is wanted.")
    return np.right_shift(np.left_shift(pixels, shift[0]), shift[1]) if shift else pixels


def _shift(header, compressed):
    """By how many bits stored values go left and then right where they do not end at the lowest bit; None elsewhere."""
    allocated, stored, high = (number(header, name) for name in ("BitsAllocated", "BitsStored", "HighBit"))
    if None in (allocated, stored, high) or high == stored - 1:
        return None
    refuse(compressed or not stored - 1 <= high < allocated,
           f"BitsStored {stored:g} and HighBit {high:g} do not say where in {allocated:g} bits the values lie; export "
           "the original slice.")  # fmt: skip
    return int(allocated - 1 - high), int(allocated - stored)


def _check_stream(stream, header):
    """Refuse a JPEG of any kind that says another size than the header: decoders believe it, and ask for the memory."""
    size = None
    if stream[:4] == b"\xff\x4f\xff\x51":  # JPEG 2000: its size follows
        right, low, left, top = struct.unpack(">4I", stream[8:24])
        size = (low - top, right - left)
    elif stream[:2] == b"\xff\xd8":
        at = 2
        while stream[at : at + 1] == b"\xff" and len(stream) >= at + 9:
            marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
            if marker in START_OF_FRAME:
                size = struct.unpack(">2H", stream[at + 5 : at + 9])
                break
            at += 1 if marker == 0xFF else 2 + length
        if not stream.rstrip(b"\0").endswith(END_OF_IMAGE):  # decoders make up what is missing
            raise ValueError("the picture is cut short")
    if size not in (None, (header.Rows, header.Columns)):
        raise ValueError(f"a picture of {size[0]} x {size[1]} in a slice of {header.Rows} x {header.Columns}")
