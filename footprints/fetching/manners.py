"""How we behave toward other people's servers."""

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Manners:
    """Pace, patience and limits; ``settings.FETCHING`` may say otherwise. Times in seconds.

    ``requests_a_second`` counts all workers together: the ODS API asks to stay below five
    (digital.nhs.uk, API catalogue, "Rate limits"). ``time_limit`` ends a visit that a server
    draws out, before Celery would. ``walk_slice`` ends a walk's visit, and the next one follows:
    so that a long list leaves the worker to others in between, and a worker that is told to stop
    stops. ``lease``: how long a feed stays claimed after the last sign of life; longer than any
    one wait.
    """

    requests_a_second: float = 5
    connect_timeout: float = 10
    read_timeout: float = 60
    time_limit: float = 2700
    walk_slice: float = 15
    lease: float = 180
    retries: int = 4
    backoff: float = 1
    longest_wait: float = 60
    redirects: int = 3
    size_limit: int = 512 * 2**20
    answer_limit: int = 4 * 2**20
    list_limit: int = 64 * 2**20

    @classmethod
    def of_settings(cls) -> "Manners":
        return cls(**settings.FETCHING)
