"""``diff`` and ``summary`` over saved reports and facts."""
