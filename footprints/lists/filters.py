"""Filters that an index serves, and the chips that say which ones are on."""

from dataclasses import dataclass
from functools import reduce
from operator import or_

import django_filters
from django import forms
from django.db.models import Q
from django.db.models.functions import Lower

FEW = 1000  # matches that are named one by one; more are met soon by walking the list in order


@dataclass(frozen=True)
class Chip:
    """One filter that is on: what it is called, what it is set to, where taking it off leads."""

    label: str
    text: str
    address: str


class PartsFilter(django_filters.CharFilter):
    """Rows in which every word typed stands somewhere: in one of `fields`, or first in `codes`.

    For lists of some hundreds, which need no index for letters in the middle; for more there is
    `WordsFilter`. Both are paths of fields, separated by blanks.
    """

    def __init__(self, fields, *, codes="", label):
        super().__init__(label=label, max_length=100, widget=forms.SearchInput())
        self.lookups = [f"{path}__icontains" for path in fields.split()]
        self.lookups += [f"{path}__istartswith" for path in codes.split()]

    def filter(self, queryset, value):
        for word in (value or "").split():
            found = (Q(**{lookup: word}) for lookup in self.lookups)
            queryset = queryset.filter(reduce(or_, found))
        return queryset


class WordsFilter(django_filters.CharFilter):
    """Rows in whose name every word typed starts a word; or whose code starts with it.

    Word starts, not any letters in the middle: for these the trigram index names the rows.
    `name` is the text field; `code` the path to a code, of the row itself ("code") or one
    relation away ("organisation__code"), or None.

    The few rows that match are looked for first, each way by its own index, and then named by
    their keys. Left to one statement the planner walks the whole list in its order, hoping to
    meet fifty soon: 300 ms for a rare name among 300,000, 5 s where the order is by code. Only
    when the matches are many is that walk short, and it is what we ask for then.
    """

    def __init__(self, *args, name="name", code=None, label="Name or code", **kwargs):
        kwargs.setdefault("widget", forms.SearchInput())
        super().__init__(*args, field_name=name, label=label, max_length=100, **kwargs)
        self.code = code

    def filter(self, queryset, value):
        words = (value or "").lower().split()
        if not words:
            return queryset
        queryset = queryset.alias(_words=Lower(self.field_name))
        named, coded = Q(), Q()
        for word in words:
            named &= Q(_words__startswith=word) | Q(_words__contains=f" {word}")
        found = [_keys(queryset.filter(named))]
        if self.code and len(words) == 1:
            coded = Q(**{f"{self.code}__startswith": words[0].upper()})
            found.append(_keys(queryset.filter(coded)))
        if all(len(keys) <= FEW for keys in found):
            return queryset.filter(pk__in={key for keys in found for key in keys})
        return queryset.filter(named | coded if found[-1] else named)


def _keys(queryset):
    """Return the keys of the rows, or of one more than a few of them."""
    return list(queryset.order_by().values_list("pk", flat=True)[: FEW + 1])


def chips(filterset, address_of):
    """Return a Chip for each filter that is on, each value of a choice of several its own.

    `address_of(**changes)` returns the page's address with these parameters changed (None takes
    one away).
    """
    form = filterset.form
    found = []
    for name, field in form.fields.items():
        value = form.cleaned_data.get(name)
        if value in (None, "", [], ()) or (hasattr(value, "exists") and not value):
            continue
        label = field.label or name.replace("_", " ").capitalize()
        raw = form.data.getlist(name) if hasattr(form.data, "getlist") else [form.data[name]]
        labels = _labels(field)
        if not raw:  # a range: one chip for its two ends, `<name>_min` and `<name>_max`
            ends = [key for key in form.data if key.startswith(f"{name}_") and form.data[key]]
            text = " – ".join(form.data[key] for key in ends)
            found.append(Chip(str(label), text, address_of(**dict.fromkeys(ends))))
        for one in raw:
            if one == "":
                continue
            rest = [other for other in raw if other != one]
            found.append(
                Chip(str(label), str(labels.get(one, one)), address_of(**{name: rest or None}))
            )
    return found


def _labels(field):
    """Return value → label, both as strings, for a field with choices; else an empty dict."""
    if isinstance(field, forms.BooleanField | forms.NullBooleanField):
        return {"true": "yes", "True": "yes", "on": "yes", "false": "no", "False": "no"}
    labels = {}
    for value, label in getattr(field, "choices", ()) or ():
        if isinstance(label, (list, tuple)):  # a group of choices
            labels |= {str(inner): text for inner, text in label}
        else:
            labels[str(value)] = label
    return labels
