"""Expressions over the fields of a document, as a registry file may hold them: a small part of Python's, run by nobody.

An expression is parsed and its parts are looked at one by one; nothing of it is ever executed as code.  What is not
there is None, and None goes through: a field of None, arithmetic with None, an index that is out of range.  So an
expression has a value for every document, and never fails on one.

A name is a field of the document, ``doc`` the document, ``sample`` the line of the samples file (its metrics).
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lorafair.errors import LorafairError, did_you_mean

LONGEST = 500
Context = Mapping[str, Any]
Evaluate = Callable[[Context], Any]


def _lower(value: Any) -> Any:
    return [_lower(each) for each in value] if _is_list(value) else value.lower() if isinstance(value, str) else value


def _as_number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "lower": _lower,
    "text": lambda value: None if value is None else str(value),
    "number": _as_number,
    "length": lambda value: len(value) if isinstance(value, str | list | tuple | dict) else None,
    "abs": lambda value: abs(value) if _is_number(value) else None,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def parse_expression(text: str) -> Evaluate:
    """The function from a context (document's fields, ``doc``, ``sample``) to the expression's value.

    Fields (``a``, ``a.b``, ``a["b"]``, ``a[0]``), texts, numbers, lists, ``+ - * /``, comparisons, ``in``, ``and``,
    ``or``, ``not``, ``x if y else z``, and the functions ``lower``, ``text``, ``number``, ``length``, ``abs``.

    Raises:
        LorafairError: for anything else, naming it.
    """
    if len(text) > LONGEST:
        raise LorafairError(f"an expression has at most {LONGEST} characters, this one {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise LorafairError(f"{text!r} is no expression ({error})") from error
    return _build(tree.body, text)


def _build(node: ast.expr, text: str) -> Evaluate:
    """The function of one part.

    Raises:
        LorafairError: for a part that is none of ours.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bool | None):
        value = node.value
        return lambda context: value
    if isinstance(node, ast.Name):
        name = node.id
        return lambda context: context.get(name)
    if isinstance(node, ast.Attribute):
        inner, field = _build(node.value, text), node.attr
        return lambda context: _take(inner(context), field)
    if isinstance(node, ast.Subscript):
        inner, index = _build(node.value, text), _build(node.slice, text)
        return lambda context: _take(inner(context), index(context))
    if isinstance(node, ast.List | ast.Tuple):
        parts = [_build(part, text) for part in node.elts]
        return lambda context: [part(context) for part in parts]
    if isinstance(node, ast.IfExp):
        test, yes, no = (_build(part, text) for part in (node.test, node.body, node.orelse))
        return lambda context: yes(context) if test(context) else no(context)
    if isinstance(node, ast.BoolOp):
        values, every = [_build(part, text) for part in node.values], isinstance(node.op, ast.And)
        return lambda context: (all if every else any)(bool(value(context)) for value in values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        inner, negate = _build(node.operand, text), isinstance(node.op, ast.Not)
        return lambda context: not inner(context) if negate else _calculate(operator.sub, 0, inner(context))
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        left, right, how = _build(node.left, text), _build(node.right, text), ARITHMETIC[type(node.op)]
        return lambda context: _calculate(how, left(context), right(context))
    if isinstance(node, ast.Compare):
        return _build_comparison(node, text)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        if node.func.id not in FUNCTIONS:
            raise LorafairError(f"{text!r}: no function {node.func.id!r}.{did_you_mean(node.func.id, FUNCTIONS)}")
        call, argument = FUNCTIONS[node.func.id], _build(node.args[0], text)
        return lambda context: call(argument(context))
    raise LorafairError(f"{text!r}: {ast.unparse(node)!r} is nothing that an expression can hold")


def _build_comparison(node: ast.Compare, text: str) -> Evaluate:
    parts = [_build(part, text) for part in (node.left, *node.comparators)]
    kinds = [type(each) for each in node.ops]
    if unknown := [kind for kind in kinds if kind not in ORDER and kind not in (ast.Eq, ast.NotEq, ast.In, ast.NotIn)]:
        raise LorafairError(f"{text!r}: {unknown[0].__name__} is nothing that an expression can hold")

    def evaluate(context: Context) -> bool:
        values = [part(context) for part in parts]
        return all(_compare(kind, a, b) for kind, a, b in zip(kinds, values, values[1:], strict=False))

    return evaluate


def _compare(kind: type[ast.cmpop], left: Any, right: Any) -> bool:
    if kind in (ast.Eq, ast.NotEq):
        return (left == right) is (kind is ast.Eq)
    if kind in (ast.In, ast.NotIn):
        holds = isinstance(right, str) and isinstance(left, str) and left in right
        return (holds or (_is_list(right) and left in right)) is (kind is ast.In)
    same = (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))
    return same and ORDER[kind](left, right)


def _calculate(how: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    texts = isinstance(left, str) and isinstance(right, str) and how is operator.add
    if not texts and not (_is_number(left) and _is_number(right)):
        return None
    try:
        return how(left, right)
    except (ZeroDivisionError, OverflowError):
        return None


def _take(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(key) if isinstance(key, str | int) else None
    if _is_list(value) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
