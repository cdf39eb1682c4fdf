"""What an event and a plan give to other systems and to people without a login.

``crosswalk``: practice by practice, old body to new. ``ledger``: who held which practice when.
``brief``: one page for a director.
"""
