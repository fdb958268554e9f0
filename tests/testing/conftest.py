"""The sample is a project of its own: test_sample.py runs its tests, as somebody who installed the package would."""

collect_ignore = ["sample"]
