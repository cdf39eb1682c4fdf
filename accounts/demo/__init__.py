"""Marlstone Medicines: an invented company, so that a trial has something to break.

Its teams, colleagues and territories stand in the CSV files of this folder, which people may
read and change; ``company`` lays them over the register, ``contacts`` invents the stakeholders.
Nobody and nothing in here exists: no person, no company, no medicine.
"""

from django.conf import settings

# Whom a trial may sign in as: (what they are, user name, password). They are created only where
# the caller of ``company.found`` says that this is a trial.
LOGINS = [
    ("Planner", "planner", "marlstone-planner"),
    ("Manager", "manager", "marlstone-manager"),
    ("Key account manager", "kam", "marlstone-kam"),
    ("Territory manager", "rep", "marlstone-rep"),
    ("Data steward", "steward", "marlstone-steward"),
    ("Medical adviser (walled)", "medical", "marlstone-medical"),
]


def logins(request):
    """Context processor: the logins, for the sign-in page of a trial and nowhere else."""
    return {"demo_logins": LOGINS} if settings.DEMO_LOGINS_SHOWN else {}
