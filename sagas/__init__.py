"""sagas: Celery-based choreography for Django shops, with a transactional outbox.

Everything a shop declares is imported from the concept's module, such as
`sagas.participant.Participant` or `sagas.outbox.publish`.
"""

__version__ = "0.1.0"
