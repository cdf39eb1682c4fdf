"""Webhooks: other programs are told what happened here.

topics.py    what there is to tell: a name, its words, its rows, what is said of each
shapes.py    what is said, as Waymark's JSON, a Teams card, Slack blocks
telling.py   finds what is new and writes a delivery for each webhook that should hear of it
reach.py     which addresses may be spoken to
posting.py   one request to one address, bounded in time and size
signing.py   the secret, and the headers by which a receiver knows who wrote
sending.py   sends what is due; again later where it failed; gives up in the end
keeping.py   what people do: make, change, retire, test, send again
forms.py     what they write
lists.py     what they see
"""
