"""What a profile says, and carrying it out: training its members, evaluating a cohort."""
