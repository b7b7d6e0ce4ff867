"""``diff`` and ``summary`` on saved reports and facts."""
