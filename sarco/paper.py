"""The paper's numbers that the code uses: method, background and Figure 2.

Those of the method are the defaults of this package. All that the paper prints stands in `data/paper.csv`, with its
place: these too, and its results.
"""

# Background
CANCER_SHARE_PERCENT = 50  # "up to": patients with cancer who have sarcopenia
INDICES = 3  # of CT, to tell sarcopenia

# Study population
RELEASED = 1025  # slices for training and validation, in two releases
EXCLUDED = 3  # masks that were not registered to their image
INCLUDED = 1022
VALIDATION = 40
TEST = 500
TRAINING = INCLUDED - VALIDATION  # not printed

# Ground truth
READERS = 11
MUSCLE_HU = (-29, 150)  # pixels below or above were cut from the contour
QUALITY_LABELS = ("A", "B", "C", "D")
CORRECTION_LABELS = ("A", "B", "C")  # the mean error was learned on these

# Pre-processing
MATRIX = 512
SPACING_MM = 1.0
FIELD_MM = MATRIX * SPACING_MM
WINDOW_HU = (-150, 300)
SPLINE_ORDER = 3  # printed as "linear interpolation of order 3", which contradicts itself
MASK_SPLINE_ORDER = SPLINE_ORDER  # printed in the same sentence, of slices and masks

# Network. 18 filters cannot give the printed number of weights and 16 do, so `unet` takes 16 unless told
# otherwise: chapter 2 shows why.
FILTERS = 18
DEPTH = 4
CONVOLUTIONS = 3
WEIGHTS = 2_953_409
RECEPTIVE_FIELD_CM = 10.7
MEMBERS = 15
PLATEAU_MEMBERS = 10

# Training
EPOCHS = 150
ITERATIONS = 200
BATCH_SIZE = 12
LEARNING_RATE = 1e-3
DECAY_POWER = 5
ROTATION_DEG = (-10, 10)
SCALE = (0.9, 1.1)
DRAWS_PER_EPOCH = ITERATIONS * BATCH_SIZE  # slices
PASSES_PER_EPOCH = DRAWS_PER_EPOCH / TRAINING  # how often it sees each training slice, on average

# Post-processing
THRESHOLD = 0.5
DILATION_CONNECTIVITY = 1

# Figure 2
FIGURE_2_EPOCHS = 50  # it stops there "for clarity"
FIGURE_2_DSC = 0.95  # its dashed line
