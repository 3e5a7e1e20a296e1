"""Names what a classifier's answer is, as `transformers` does with `problem_type`.

It is one of several classes, any number of them, or a number. What follows from it stands beside
each other: the loss in `training.losses`, answers and figures in `runs.problems`, outputs of a
server in `serving.classifier`, and parts of the page in `report.problems`.
"""

SINGLE_LABEL = "single_label_classification"
MULTI_LABEL = "multi_label_classification"
REGRESSION = "regression"
PROBLEM_TYPES = (SINGLE_LABEL, MULTI_LABEL, REGRESSION)

# The columns of answers in a table, with their types, where they are not one label.
ANSWERS = {MULTI_LABEL: {"labels": list}, REGRESSION: {"value": float}}
IN_WORDS = {MULTI_LABEL: "any number of the classes", REGRESSION: "a number"}
VALUE = "value"  # the name of the one output of a regression, where classes have theirs
