"""Participant: payments in the choreographies: reserves money, takes it, and gives it back.

In the words of TCC an authorisation is the try, its capture the confirm, and voiding or closing the
cancel. `checkout` goes forward, `back` undoes a cancelled order, `cases` moves the money of one
case, `owed` what the provider would not pay, `disputes` what a bank decides, and `looking` learns
what the provider knows.
"""

from payments.participant import back, cases, checkout, disputes, looking, owed
from payments.participant.part import payments

__all__ = ["back", "cases", "checkout", "disputes", "looking", "owed", "payments"]
