"""Filters that an index serves, and the chips that say which ones are on."""

from dataclasses import dataclass

import django_filters
from django import forms
from django.db.models import Q
from django.db.models.functions import Lower

MANY_CODES = 500  # more bodies than this by the start of a code, and the code is left aside


@dataclass(frozen=True)
class Chip:
    """One filter that is on: what it is called, what it is set to, where taking it off leads."""

    label: str
    text: str
    address: str


class WordsFilter(django_filters.CharFilter):
    """Rows in whose name every word typed starts a word; or whose code starts with it.

    Word starts, not any letters in the middle: these the trigram index answers without walking
    the whole list (an infix match that is also sorted took 0.8 s over 1.3 million rows).
    `name` is the text field; `code` the path to a code, of the row itself ("code") or one
    relation away ("organisation__code"), or None.
    """

    def __init__(self, *args, name="name", code=None, label="Name or code", **kwargs):
        kwargs.setdefault("widget", forms.TextInput(attrs={"type": "search"}))
        super().__init__(*args, field_name=name, label=label, max_length=100, **kwargs)
        self.code = code

    def filter(self, queryset, value):
        words = (value or "").lower().split()
        if not words:
            return queryset
        starts = Q()
        for word in words:
            starts &= Q(_words__startswith=word) | Q(_words__contains=f" {word}")
        if len(words) == 1 and self.code:
            starts |= self._by_code(queryset.model, words[0].upper())
        return queryset.alias(_words=Lower(self.field_name)).filter(starts)

    def _by_code(self, model, start):
        relation, _, field = self.code.rpartition("__")
        if not relation:
            return Q(**{f"{field}__startswith": start})
        # A condition on another table inside an OR leaves no index to use. So the few bodies with
        # such a code are asked for first, and the OR stays on one table.
        related = model._meta.get_field(relation).related_model
        keys = list(
            related.objects.filter(**{f"{field}__startswith": start})
            .order_by()
            .values_list("pk", flat=True)[: MANY_CODES + 1]
        )
        return Q(**{f"{relation}__in": keys if len(keys) <= MANY_CODES else []})


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
