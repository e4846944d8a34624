# SPDX-License-Identifier: GPL-2.0
"""Tests in Python that print TAP: tap.sh's and tap.h's sibling. It loads what it is told to, and prints."""
import importlib.machinery, importlib.util


def load(path):
    """A program without a suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader('loaded', path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('loaded', loader))
    loader.exec_module(module)
    return module


def main(names, prefix):
    """Runs each function of @names that is called test_...: a line for each; the status: 1 when one was not ok."""
    bad = 0
    for name, test in sorted(names.items()):
        if not name.startswith('test_'):
            continue
        try:
            test()
            print('ok %s: %s' % (prefix, name[5:].replace('_', ' ')), flush=True)
        except Exception as e:
            bad = 1
            print('not ok %s: %s\n# %s' % (prefix, name[5:].replace('_', ' '), repr(e)[:600]), flush=True)
    return bad
