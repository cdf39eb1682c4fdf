"""The bodies of a draft as the register holds them, and what its event is called."""

from dataclasses import dataclass

from .drafts import Draft
from .lives import Lives, brief
from .models import Kind, Organisation, Reorganisation, Version
from .names import count, inline, listed, short

KINDS = Reorganisation.Kind


@dataclass(frozen=True)
class Bodies:
    """The draft's bodies as the register holds them, by code."""

    known: dict[str, Organisation]
    lives: Lives
    kinds: dict[str, Kind]

    @classmethod
    def of(cls, draft: Draft) -> "Bodies":
        named = {code for code, _ in draft.named}
        codes = {*draft.before, *draft.after, *draft.members, *named}
        known = {body.code: body for body in Organisation.objects.with_codes(codes)}
        kinds = {kind.code: kind for kind in Kind.objects.all()}
        return cls(known, Lives(body.pk for body in known.values()), kinds)

    def some(self, codes) -> list[Organisation]:
        return [self.known[code] for code in codes if code in self.known]

    def before(self, code: str, day) -> Version | None:
        body = self.known.get(code)
        return self.lives.before(body.pk, day) if body else None

    def name(self, code: str, day) -> str:
        version = self.before(code, day)
        return brief(version) if version else code


def headline(draft: Draft, bodies: Bodies | None = None) -> str:
    """What the event is called where nobody said: as the other events are."""
    bodies = bodies or Bodies.of(draft)
    day = draft.effective_on
    olds = [bodies.name(code, day) for code in draft.predecessors]
    called = {body.key: short(body.name) or body.name for body in draft.new_bodies}
    news = [called.get(key) or bodies.name(key, day) for key in draft.successors]
    first = bodies.before(draft.predecessors[0], day) if draft.predecessors else None
    kind = first.kind if first else None
    noun = inline(kind.name) if kind else "body"
    how_many = count(len(olds), noun, inline(kind.plural) if kind else "bodies")
    old, new = listed(olds), listed(news)
    return {
        KINDS.MERGER: f"{new}: {how_many} merge",
        KINDS.ABSORPTION: f"{old} {'joins' if len(olds) == 1 else 'join'} {new}",
        KINDS.SPLIT: f"{old} {noun} splits into {new}",
        KINDS.REGROUPING: f"{new}: {how_many} regroup",
        KINDS.TRANSFER_OF_MEMBERS: "{} from {} to {}".format(
            count(len(draft.members), "member moves", "members move").capitalize(), old, new
        ),
        KINDS.TRANSFER_OF_SERVICES: f"{draft.services[:80]}: from {old} to {new}",
        KINDS.RENAME: f"{old} {noun} is {short(draft.name) or draft.name} from then on",
        KINDS.CHANGE_OF_NATURE: "{}: the {} becomes {}".format(
            old, noun, inline(bodies.kinds[draft.becomes].name) if draft.becomes else "another"
        ),
        KINDS.ABOLITION: f"{old}: {how_many} {'close' if len(olds) > 1 else 'closes'}",
        KINDS.CREATION: f"{new} {'is' if len(news) == 1 else 'are'} created",
        KINDS.CLUSTER: f"{new}: {how_many} cluster",
    }[KINDS(draft.kind)]
