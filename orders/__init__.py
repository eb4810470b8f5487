"""Orders: what customers ask for; owns the choreographies and says how they end."""
