"""The clock's doors: each takes keys, calls one service, and may run twice without harm."""

from celery import shared_task
from django.utils.timezone import localdate, now

from .alerts import addressing, inbox
from .balancing import asking
from .certifying import holding
from .models import Job, Suggestion, User
from .reminders import sweeping
from .reminders import telling as reminding
from .services import digests, flags
from .sheets import applying, jobs
from .territories import lifecycle
from .watches import moving
from .webhooks import sending, telling

A_TICK = 55  # seconds: what found no worker by then is left to the next tick


@shared_task(
    title="Raise alerts",
    purpose="Raises an alert where what changed in the register touches a plan or an account.",
)
def raise_flags():
    """Flag what changed since the last run, and alert those whom it concerns; with nothing changed
    it costs a look at an index. Watches go along first, so that one letter tells of both."""
    moved = moving.move_watches(on=localdate(), moment=now())
    raised = flags.raise_flags()
    alerted = addressing.raise_alerts(moment=now())
    if alerted:
        send_digests.at_once()
    done = [
        (moved, "watch moved", "watches moved"),
        (raised, "flag raised", "flags raised"),
        (alerted, "alert written or changed", "alerts written or changed"),
    ]
    return ", ".join(f"{n:,} {one if n == 1 else more}" for n, one, more in done if n)


@shared_task(
    title="Apply decisions",
    purpose="Has the decision sheets that are approved and due applied.",
    did=("set of sheets begun", "sets of sheets begun"),
)
def apply_due():
    """Have what is approved and due applied, a task a set, so that every worker is at it.

    A set that comes twice, because it took long, finds nothing left to do.
    """
    day = localdate()
    applying.release_held(day)
    sets = applying.due(day)
    for some in sets:
        apply_set.apply_async((some,), expires=A_TICK)
    return len(sets)


@shared_task
def apply_set(keys):
    """Apply the sheets of these flags; one that is not ready is tried again by a later tick."""
    return applying.apply_due(keys, localdate())


@shared_task(
    title="Activate plans",
    purpose="Makes the approved plans active whose day has come.",
    did=("plan made active", "plans made active"),
)
def activate_due():
    """Make active the plans that are approved for today or before; then look at the new ones."""
    activated = lifecycle.activate_due(localdate())
    if activated:
        flags.raise_flags()
    return activated


@shared_task
def do_job(pk, lane=0):
    """Do a job, or go on with it where a worker was killed; then look at what it unsettled."""
    jobs.work(Job.objects.get(pk=pk), on=localdate(), lane=lane)
    flags.raise_flags()


@shared_task(
    title="Go on with jobs on sheets",
    purpose="Gives a job to another worker where its own was killed.",
    did=("job handed on", "jobs handed on"),
)
def resume_jobs():
    """Take up again what no worker is at: one was killed, or the broker lost its message."""
    unfinished = jobs.unfinished()
    for job in unfinished:
        for lane in jobs.lanes(job):
            do_job.apply_async((job.pk, lane), expires=A_TICK)
    return len(unfinished)


def start(job):
    """Have workers do the job, a task a lane, once it is committed."""
    for lane in jobs.lanes(job):
        do_job.soon(job.pk, lane)


@shared_task
def suggest(pk):
    """Work out a suggestion, or begin it again where a worker was killed."""
    asking.work(Suggestion.objects.get(pk=pk))


@shared_task(
    title="Go on with suggestions",
    purpose="Gives a suggestion to another worker where its own was killed.",
    did=("suggestion handed on", "suggestions handed on"),
)
def resume_suggestions():
    """Take up again what no worker is at: one was killed, or the broker lost its message."""
    unfinished = asking.unfinished()
    for suggestion in unfinished:
        suggest.apply_async((suggestion.pk,), expires=A_TICK)
    return len(unfinished)


@shared_task(
    title="Send letters",
    purpose="Sends each letter that is due and was not sent yet.",
    did=("letter handed on", "letters handed on"),
)
def send_digests():
    """One small task a person who is owed a letter, so that one bad address holds nobody up."""
    owed = holding.ready(now(), localdate()).order_by().values_list("person", flat=True)
    people = list(owed.distinct())
    for pk in people:
        send_letter.apply_async((pk,), expires=A_TICK)
    return len(people)


@shared_task(
    title="Tell managers what is overdue",
    purpose="Raises to the manager what asks for a decision soon and nobody has opened.",
    did=("alert raised to a manager", "alerts raised to a manager"),
)
def raise_overdue():
    """Once an hour: what is overdue is so by days."""
    return inbox.raise_overdue(today=localdate(), moment=now())


@shared_task(
    title="Remind of what is due",
    purpose="Finds what is due soon, or late, and whom to remind of it.",
    did=("reminder written or taken away", "reminders written or taken away"),
)
def remind():
    """Bring reminders up to date with what is due, and have a letter waiting for whom it is."""
    written = sweeping.sweep(today=localdate(), moment=now())
    reminding.owe(today=localdate(), moment=now())
    return written


@shared_task
def send_letter(pk):
    """A letter that fails is not marked: the next sweep, a minute later, tries it again."""
    person, sent = User.objects.get(pk=pk), 0
    while (is_sent := digests.send_letter(person, moment=now(), today=localdate())) is not None:
        sent += is_sent
    return sent


@shared_task(
    title="Write to webhooks",
    purpose="Finds what is new, and writes what each webhook is to be told of it.",
    did=("delivery written", "deliveries written"),
)
def tell_webhooks():
    """Write what webhooks are to be told; with nothing new it costs a look at a few indexes."""
    told = telling.tell()
    if told:
        send_webhooks.at_once()
    return told


@shared_task(
    title="Send to webhooks",
    purpose="Sends what webhooks are to be told, and again what did not arrive.",
    did=("delivery handed on", "deliveries handed on"),
)
def send_webhooks():
    """One small task a delivery, so that one slow address holds nobody up for long."""
    due = sending.due(now())
    for pk in due:
        send_delivery.apply_async((pk,), expires=A_TICK)
    return len(due)


@shared_task
def send_delivery(pk):
    """A delivery that fails says when to try it again: a later sweep finds it then."""
    sending.send(pk)
