"""When a schedule runs, as a form."""

from django import forms
from django.conf import settings
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from .running import stands
from .wording import DAYS, SECONDS, our_zone, time_of_day, when_in_words

MOST_DAYS = 31
UNITS = [("minutes", "minutes"), ("hours", "hours"), ("days", "days")]


class ScheduleForm(forms.Form):
    """At an interval, or at a time of day; and whether at all. ``kind`` is what was chosen."""

    use_required_attribute = False  # some are required by what was chosen
    is_on = forms.BooleanField(label="Switched on", required=False)
    way = forms.ChoiceField(label="When", widget=forms.RadioSelect)
    every = forms.IntegerField(label="Every", widget=forms.NumberInput(attrs={"min": 1}))
    unit = forms.ChoiceField(label="Unit", choices=UNITS)
    time = forms.TimeField(
        label="Time",
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"invalid": "A time has hours and minutes, as 07:30."},
    )
    days = forms.TypedMultipleChoiceField(
        label="On",
        choices=[(day, DAYS[day]) for day in (1, 2, 3, 4, 5, 6, 0)],
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=1000, strip=False)

    def __init__(self, *args, row: PeriodicTask, **kwargs):
        kwargs["initial"] = {"is_on": row.enabled, "seen": stands(row)} | _as_fields(row)
        super().__init__(*args, **kwargs)
        self.row = row
        ways = [("interval", "At an interval"), ("time", "At a time of day")]
        if kwargs["initial"]["way"] == "same":
            ways.insert(0, ("same", f"As it is: {when_in_words(row)}"))
        self.fields["way"].choices = ways
        self.fields["time"].help_text = f"{our_zone()} time, in summer and in winter."
        self.kind = {}

    def _clean_fields(self):
        """Only what was chosen is asked for, and clean() asks for it; neither is optional."""
        asked = [self.fields[name] for name in ("every", "unit", "time", "days")]
        for field in asked:
            field.required = False
        super()._clean_fields()
        for field in asked:
            field.required = True

    def clean(self):
        given = super().clean()
        way = given.get("way")
        if way == "interval" and "every" in given:
            self._clean_interval(given)
        elif way == "time":
            self._clean_time(given)
        return given

    def _clean_interval(self, given):
        every, unit = given["every"], given.get("unit")
        if every is None:
            return self.add_error("every", "Say how many: 5, for every 5 minutes.")
        if not unit:
            return self.add_error("unit", "Say of what: minutes, hours or days.")
        if every < 1:
            return self.add_error("every", "The shortest is 1 minute: the clock looks no oftener.")
        if every * SECONDS[unit] > MOST_DAYS * SECONDS["days"]:
            return self.add_error("every", f"The longest is {MOST_DAYS} days.")
        self.kind = {"interval": IntervalSchedule(every=every, period=unit)}

    def _clean_time(self, given):
        time, days = given.get("time"), given.get("days")
        if time is None and "time" not in self.errors:
            self.add_error("time", "Say at what time: 07:30.")
        if not days and "days" not in self.errors:
            self.add_error("days", "Tick at least one day: it would never run.")
        if self.errors:
            return
        self.kind = {
            "crontab": CrontabSchedule(
                minute=str(time.minute),
                hour=str(time.hour),
                day_of_week="*" if len(days) == 7 else ",".join(map(str, sorted(days))),
                timezone=settings.TIME_ZONE,
            )
        }


def _as_fields(row):
    """The fields' values as the row has them."""
    plain = {"every": 1, "unit": "hours", "time": "07:00", "days": [1, 2, 3, 4, 5]}
    if row.interval and row.interval.period in SECONDS:
        seconds = row.interval.every * SECONDS[row.interval.period]
        for unit in ("days", "hours", "minutes"):
            if seconds % SECONDS[unit] == 0:
                return plain | {
                    "way": "interval",
                    "every": seconds // SECONDS[unit],
                    "unit": unit,
                }
    is_ours = row.crontab and str(row.crontab.timezone) == settings.TIME_ZONE
    if is_ours and (found := time_of_day(row.crontab)):
        return plain | {"way": "time", "time": found[0], "days": sorted(found[1])}
    return plain | {"way": "same"}
