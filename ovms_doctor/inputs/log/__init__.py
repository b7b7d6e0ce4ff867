"""Reading a server's log: from bytes to :class:`ovms_doctor.model.log.LogSummary`, in bounded memory."""
