"""The faults: each brings about news, goes wrong in its own way, and mends itself.

Each is a function of the house and the world, which returns once everything stands again; it
raises NothingCame where the fault did not happen.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .house import GATES, NothingCame, kill_process, until
from .post import HangUp
from .world import DAYS, moment_of

SUSPECT = 3  # seconds: longer than marking takes on a busy machine
HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400


@dataclass(frozen=True)
class Fault:
    """``group`` is a line of the report; ``happen`` returns how often it went wrong."""

    group: str
    name: str
    happen: Callable


def suspect(house, pids=None, since=None):
    """Letters of these processes (None: of all) whose marking may have been lost just now."""
    since = (since or time.time()) - SUSPECT
    with house.post.turn:
        for letter in house.post.kept:
            if letter.taken >= since and (pids is None or letter.pid in pids):
                letter.is_suspect = True


# --- A worker is killed


def killed_at_a_step(gate, house, world):
    with house.gate(gate) as first:
        world.tell_something()
        pid, _ = first()
        kill_process(pid)
        if gate in ("mark", "sent"):
            suspect(house, {pid})
    return 1


def killed_by_the_post(stage, house, world):
    def kill(conversation):
        kill_process(conversation.letter.pid)
        raise HangUp

    return at_the_post(stage, kill, house, world, times=2)


def worker_killed(house, world):
    """With all its processes, while a letter is handed over."""

    def kill(conversation):
        for name in list(house.processes):
            if name.startswith("worker") and killed is not None:
                killed.update(house.kill(name))
                return None
        return None

    killed = set()
    happened = at_the_post("taken", kill, house, world)
    suspect(house, killed)
    house.start_all()
    return happened


def beat_killed(house, world):
    house.kill("beat 1")
    world.tell_something()
    house.start_all()
    return 1


# --- The mail server


def mood(stage, deed, house, world):
    """Three letters in a row, of whomever."""
    return at_the_post(stage, deed, house, world, times=3)


def at_the_post(stage, deed, house, world, times=1):
    armed = house.post.arm(stage, deed, times)
    try:
        world.tell_something()
        if not armed.done.wait(60):
            raise NothingCame(f"no letter came to the {stage}")
        until(lambda: not armed.times, "the mail server's moods", 60)
    finally:
        house.post.disarm()
    return times


def answer(text):
    return lambda conversation: text


def hang(conversation):
    time.sleep(3)
    raise HangUp


def hang_up(conversation):
    raise HangUp


def door_shut(house, world):
    house.post.shut()
    world.tell_something()
    time.sleep(6)
    house.post.open()
    return 1


# --- What is told changes while it is told


def meanwhile(what, house, world):
    from django.db import connection

    def change(conversation):
        try:
            if what == "moves":
                world.change(event, day=world.chance.choice(DAYS))
            else:
                world.change(event, state="rejected")
            if what == "is revived":
                time.sleep(1)
                world.change(event, state="effective")
        finally:
            connection.close()

    armed = house.post.arm("data", change)
    try:
        event = world.tell_something()
        if not armed.done.wait(60):
            raise NothingCame("no letter came")
    finally:
        house.post.disarm()
    return 1


# --- Servers that go, and come back


def postgres_stopped(sign, house, world):
    """While a letter is taken, or at a step of whoever raises alerts."""
    if world.chance.random() < 0.5:

        def stop(conversation):
            moments.append(time.time())
            house.stop_postgres(sign)

        moments = []
        happened = at_the_post("taken", stop, house, world)
    else:
        with house.gate(world.chance.choice(list(GATES))) as first:
            world.tell_something()
            first()
            moments, happened = [time.time()], 1
            house.stop_postgres(sign)
            time.sleep(world.chance.random())
            house.start_postgres()
    if happened:
        house.start_postgres()
    suspect(house, since=moments[0])
    return happened


def session_killed(house, world):
    with house.gate(world.chance.choice(list(GATES))) as first:
        world.tell_something()
        _, session = first()
        moment = time.time()
        house.kill_backend(session)
        time.sleep(1)
    suspect(house, since=moment)
    return 1


def broker_lost(with_memory, house, world):
    world.tell_something()
    time.sleep(world.chance.random() * 2)
    house.stop_broker()
    world.tell_something()
    time.sleep(world.chance.random() * 3)
    house.start_broker(with_memory=with_memory)
    return 1


# --- Time


def clock_jumps(seconds, house, world):
    house.turn_clock(seconds)
    world.tell_something()
    settle(house, world)
    house.turn_clock(-seconds)
    world.tell_something()
    return 2


def a_week_away(house, world):
    """Each is told once what came of a week in which much happened."""
    house.kill_all()
    suspect(house)
    began = len(house.post.kept)
    for _ in range(8):
        world.change()
    house.turn_clock(WEEK)
    house.start_all()
    settle(house, world)
    with house.post.turn:
        told = Counter((one.to, title) for one in house.post.kept[began:] for title in one.tells)
    flood = [key for key, times in told.items() if times > 1]
    if flood:
        raise AssertionError(f"told more than once after a week: {flood}")
    return 1


def settle(house, world):
    from .house import ask

    def is_settled():
        house.restart_what_ended()
        return ask(lambda: world.is_settled(moment_of(house)))

    until(is_settled, "all to be done")


# --- Many at once


def all_asked_at_once(house, world):
    from config.celery import app

    world.tell_something()
    for _ in range(6):
        for name in ("raise_flags", "send_digests"):
            app.send_task(f"accounts.tasks.{name}")
    time.sleep(1)
    for person in world.address:
        for _ in range(6):
            app.send_task("accounts.tasks.send_letter", (person,))
    return 1


def everything() -> list[Fault]:
    """All that goes wrong in a whole run, each kind as often as it is listed."""
    listed = []

    def add(times, group, name, happen, *given):
        listed.extend([Fault(group, name, partial(happen, *given))] * times)

    for gate in ("write", *GATES):
        add(9, "kill -9 of a worker at a step", gate, killed_at_a_step, gate)
    for stage in ("sender", "recipient", "data"):
        add(6, "kill -9 of a worker as it hands over", stage, killed_by_the_post, stage)
    add(8, "kill -9 of a worker, its letter taken", "taken", killed_by_the_post, "taken")
    add(5, "kill -9 of three workers at once", "worker", worker_killed)
    add(4, "kill -9 of a beat of two", "beat", beat_killed)
    refused = "mail server refuses"
    add(4, refused, "421 at the door", mood, "greeting", answer("421 not now"))
    add(4, refused, "450 for a reader", mood, "recipient", answer("450 not now"))
    add(4, refused, "550 for a reader", mood, "recipient", answer("550 nobody"))
    add(4, refused, "451 for a letter", mood, "data", answer("451 not now"))
    add(4, refused, "nobody at the door", door_shut)
    add(4, "mail server hangs", "at the door", mood, "greeting", hang)
    add(4, "mail server hangs", "in a letter", mood, "data", hang)
    half = "mail server half accepts"
    add(6, half, "hangs up before 250", mood, "taken", hang_up)
    add(6, half, "says 451", mood, "taken", answer("451 not now"))
    add(6, half, "hangs before 250", mood, "taken", hang)
    for what in ("moves", "is called off", "is revived"):
        add(7, f"event {what} as its letter is written", what, meanwhile, what)
    add(6, "PostgreSQL restarted", "in good order", postgres_stopped, signal.SIGINT)
    add(6, "PostgreSQL restarted at once", "immediate", postgres_stopped, signal.SIGQUIT)
    add(6, "kill -9 of a session of PostgreSQL", "session", session_killed)
    add(6, "broker lost, back with its memory", "with", broker_lost, True)
    add(6, "broker lost, back without its memory", "without", broker_lost, False)
    add(4, "clock jumps an hour, and back", "hour", clock_jumps, HOUR)
    add(4, "clock jumps a day, and back", "day", clock_jumps, DAY)
    add(4, "a week away, then all at once", "week", a_week_away)
    add(8, "six workers asked at once for all", "at once", all_asked_at_once)
    return listed
