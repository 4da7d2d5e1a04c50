"""Every number and direction that the paper prints, beside what a run gives, and a verdict by rule.

The paper's side is `data/paper.csv`, with where each stands in the paper and in the book; the run's side comes from its
stored results and, for what the code alone settles, from the code. `integrity` refuses results that are not whole.
`rules` says how each claim is looked up or measured, `measured` measures, `verdicts` are the rules that a verdict
follows, and `claim` judges all of it, and again under every other assumption that it could hang on. No verdict is
written by hand. `text` tells the table to people, scripts and the book.
"""

from .claim import Claim as Claim
from .claim import judge as judge
from .claim import table as table
from .claim import under_assumptions as under_assumptions
from .measured import WIDEST_PERCENT as WIDEST_PERCENT
from .text import cells as cells
from .text import counts_frame as counts_frame
from .text import figures_frame as figures_frame
from .text import frame as frame
from .text import in_group as in_group
from .text import to_json as to_json
from .text import told_counts as told_counts
from .text import verdict_told as verdict_told
from .verdicts import CAME_OUT as CAME_OUT
from .verdicts import DEPENDS as DEPENDS
