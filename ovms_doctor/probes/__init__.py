"""What is there: looks at the world as the server's user, and never judges.

Import the modules themselves (:mod:`ovms_doctor.probes.local` is the facade): the child processes start
with this package, and every import here would be paid by each of them.
"""
