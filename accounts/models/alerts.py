"""Alerts: what each person is to know of, and whether they have dealt with it."""

from datetime import date, datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, Value
from django.urls import reverse

from footprints.models import Weight

from .flags import Flag
from .users import User

# Days from the effective day to one far off: the less, the later, as an index in one way wants it.
AGE = Func(
    Value(date(9999, 12, 31)),
    F("effective_on"),
    function="date_mi",
    output_field=models.IntegerField(),
)


class AlertQuerySet(models.QuerySet):
    def open(self):
        """Alerts that still ask something of their holder; a partial index holds just these.

        Where the flag was dealt with, for all whom it concerns, none of them does.
        """
        return self.filter(resolved_at=None, lapsed_at=None, flag__resolved_at=None)

    def awake(self, day: date):
        """Open ones that are not put off beyond that day."""
        return self.open().filter(Q(wakes_on=None) | Q(wakes_on__lte=day))

    def asleep(self, day: date):
        """Open ones that are put off beyond that day."""
        return self.open().filter(wakes_on__gt=day)

    def held_by(self, user: User):
        """Those in the user's inbox, their own and those handed to them."""
        return self.filter(holder=user)

    def called_off(self, since: datetime):
        """Those whose event was dropped since then, of which nothing was said afterwards: whoever
        had dealt with one before may have something to take back. One that its person let go of
        untold is among them: it has the same news."""
        unsaid = Q(resolved_at=None) | Q(resolved_at__lt=F("lapsed_at"))
        return self.filter(unsaid, news=Alert.OFF, lapsed_at__gte=since)

    def to_tell(self):
        """Those of which a letter is to be written: what is so now was not told yet, or nobody
        knows what was."""
        never = Q(news=Alert.OFF, told="", is_in_doubt=False)
        return self.filter(~Q(news=F("told")) | Q(is_in_doubt=True)).exclude(never)


class Alert(models.Model):
    """One person × one flag: exactly one, however often the event moves, is dropped or revived.

    ``news`` says in a word how things stand ("2027-04-01 decided", or OFF), ``told`` how they
    stood when its holder was last written to; where they differ a letter is owed. It is in doubt
    while a letter about it is handed over, and afterwards where nobody knows whether it arrived.
    """

    OFF = "off"

    class Because(models.TextChoices):
        """Why it is theirs, the strongest reason."""

        OWNER = "1-owner", "Your plan"
        PATCH = "2-patch", "Your territory"
        LEAD = "3-lead", "Your territory leads on it"
        VACANT = "4-vacant", "A territory of your team that nobody has"
        RAISED = "5-raised", "Left open by a colleague"
        WATCH = "6-watch", "You watch it"

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alerts"
    )
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="held_alerts",
        db_index=False,
        help_text="Who deals with it: the person, or a colleague to whom they handed it.",
    )
    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="alerts", db_index=False)
    because = models.CharField(max_length=8, choices=Because.choices)
    effective_on = models.DateField()
    weight = models.PositiveSmallIntegerField(choices=Weight.choices)
    # Lists run one way in all their keys: what asks most has the least of it.
    ease = models.GeneratedField(
        expression=Value(int(Weight.ACT)) - F("weight"),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    news = models.CharField(max_length=24)
    told = models.CharField(max_length=24, blank=True)
    is_in_doubt = models.BooleanField(
        default=False, help_text="A letter about it was handed over, and may have arrived."
    )
    raised_at = models.DateTimeField()
    lapsed_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    wakes_on = models.DateField(null=True, blank=True, help_text="Put off until that day.")
    handed_at = models.DateTimeField(null=True, blank=True)
    handed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Also of one that its person had already, and was asked to look at.",
    )
    raised_to_at = models.DateTimeField(
        null=True, blank=True, help_text="When it went to the manager, for nobody dealt with it."
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    note = models.CharField(max_length=500, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["ease", "effective_on", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="alert_once_a_person_and_flag", fields=["flag", "person"]
            ),
            models.CheckConstraint(
                name="alert_resolved_by_somebody",
                condition=Q(resolved_at__isnull=True, resolved_by__isnull=True)
                | Q(resolved_at__isnull=False, resolved_by__isnull=False),
            ),
            models.CheckConstraint(
                name="alert_handed_to_another",
                condition=Q(handed_at__isnull=False) | Q(holder=F("person")),
            ),
            models.CheckConstraint(
                name="alert_handed_by_at",
                condition=Q(handed_by__isnull=True) | Q(handed_at__isnull=False),
            ),
            models.CheckConstraint(name="alert_has_news", condition=~Q(news="")),
        ]
        indexes = [
            models.Index(
                fields=["holder", "ease", "effective_on", "id"],
                name="alert_inbox",
                condition=Q(resolved_at__isnull=True, lapsed_at__isnull=True),
            ),
            models.Index(
                "holder",
                "ease",
                AGE,
                "id",
                name="alert_inbox_gone",
                condition=Q(resolved_at__isnull=True, lapsed_at__isnull=True),
            ),
            models.Index(
                fields=["holder", "lapsed_at", "id"],
                name="alert_called_off",
                condition=Q(news="off", lapsed_at__isnull=False),
            ),
            models.Index(
                fields=["holder", "effective_on"],
                name="alert_to_tell",
                condition=~Q(news=F("told")) | Q(is_in_doubt=True),
            ),
        ]

    def __str__(self):
        return f"{self.person}: {self.flag}"

    def get_absolute_url(self):
        return reverse("accounts:flag", args=[self.flag_id])

    @property
    def is_as_things_stand(self) -> bool:
        """Whether its news are those of its event, as both were read."""
        event = self.flag.reorganisation
        if self.news == self.OFF or event.state in event.State.dropped():
            return self.news == self.OFF and event.state in event.State.dropped()
        first, *_, last = self.news.split()
        return (first, last == "decided") == (str(event.effective_on), event.is_decided)

    @property
    def is_news(self) -> bool:
        """Whether how things stand is not what its holder was told, nor nothing to tell."""
        return self.news != self.told and not (self.news == Alert.OFF and not self.told)

    @property
    def given_by(self) -> User | None:
        """Who handed it to its holder."""
        if self.handed_by_id:
            return self.handed_by
        return self.person if self.holder_id != self.person_id else None

    @property
    def event_title(self) -> str:
        return self.flag.reorganisation.title


__all__ = ["AGE", "Alert"]
