"""The figures of the book, one small function each: data in, a matplotlib ``Figure`` out; one file a chapter.

No function reads a file or keeps state. Seaborn, which takes seconds to load, is loaded when a figure is drawn.
"""
# ruff: noqa: F401

from .bias import bland_altman, few_cases, reader_study, scatter, transfer
from .data import ablation, by_age, cohort_flow, contact_sheet, preprocessing, quality_labels, slice_with_masks
from .ensemble import by_members, disagreement, uncertainty
from .every_tissue import tissue_maps, tissue_scores
from .levels import told_and_changing
from .obesity import fat_and_muscle
from .own_slice import changes, overview, own_slice
from .pictures import body_box, box_of
from .postprocessing import dilation_by_pixel, examples, steps, sweep, waterfall
from .real_ct import audited_slices, real_slices
from .results import assumed_readers, subgroups, violins, worst
from .sarcopenia import class_changes, muscle_index
from .standing import standing_by_age
from .style import BLUE, GREEN, ORANGE
from .tissues import TISSUES, anatomy, attenuation, patient, tissue_masks
from .training import augmentation, label_noise, schedule, training_history
from .unet import network, receptive_field
