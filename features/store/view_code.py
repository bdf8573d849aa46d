"""Fingerprints of the code of on-demand views: what they reckon is part of what a service hands over."""

import ast
import hashlib
import textwrap

from feast import FeatureView, OnDemandFeatureView


def code_fingerprint(view: FeatureView | OnDemandFeatureView) -> str:
    """SHA-256 over the code of an on-demand view, first 16 hex digits; empty for a view that is stored.

    Comments, the docstring and the layout do not count, nor do the view's description and tags.
    """
    if not isinstance(view, OnDemandFeatureView):
        return ""
    code = _code(textwrap.dedent(view.feature_transformation.udf_string))
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _code(source: str) -> str:
    """What a function does with its arguments; of anything else its source."""
    (function,) = ast.parse(source).body
    if not isinstance(function, ast.FunctionDef):
        return source
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return "\n".join([ast.unparse(function.args), *(ast.unparse(statement) for statement in body)])
